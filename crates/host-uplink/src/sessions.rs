//! Which conversations are open, and whether anybody listens to them.

use std::collections::HashSet;

use astrid_host_context::Principal;
use parking_lot::RwLock;

/// The host's conversations. Asked on a runtime worker: an implementation answers from memory.
pub trait Sessions: Send + Sync {
    /// Whether an agent loop takes prompts of this principal now: a live subscriber of
    /// [`PROMPT_TOPIC`](crate::PROMPT_TOPIC).
    fn agent_listens(&self, principal: &Principal) -> bool;

    /// Whether the principal's session is open.
    fn is_open(&self, principal: &Principal, session: &str) -> bool;

    /// Opens it, if it is not.
    fn open(&self, principal: &Principal, session: &str);
}

/// Sessions in memory. `listens` says whether an agent loop takes a principal's prompts.
#[derive(Debug)]
pub struct OpenSessions<F> {
    open: RwLock<HashSet<(Principal, String)>>,
    listens: F,
}

impl<F: Fn(&Principal) -> bool + Send + Sync> OpenSessions<F> {
    /// None is open.
    pub fn new(listens: F) -> Self {
        Self { open: RwLock::default(), listens }
    }

    /// Closes a session; false if it was not open.
    pub fn close(&self, principal: &Principal, session: &str) -> bool {
        self.open.write().remove(&(principal.clone(), session.to_owned()))
    }
}

impl<F: Fn(&Principal) -> bool + Send + Sync> Sessions for OpenSessions<F> {
    fn agent_listens(&self, principal: &Principal) -> bool {
        (self.listens)(principal)
    }

    fn is_open(&self, principal: &Principal, session: &str) -> bool {
        self.open.read().contains(&(principal.clone(), session.to_owned()))
    }

    fn open(&self, principal: &Principal, session: &str) {
        self.open.write().insert((principal.clone(), session.to_owned()));
    }
}
