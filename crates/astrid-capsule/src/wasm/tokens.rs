//! The tokens that end a principal's calls.

use std::collections::HashMap;

use astrid_host_context::{Cancellation, Principal};
use parking_lot::Mutex;

/// The principals' tokens of one capsule, children of the capsule's own.
#[derive(Debug)]
pub(crate) struct Tokens {
    capsule: Cancellation,
    principals: Mutex<HashMap<Principal, Cancellation>>,
}

impl Tokens {
    pub(crate) fn new(capsule: Cancellation) -> Self {
        Self { capsule, principals: Mutex::default() }
    }

    pub(crate) fn capsule(&self) -> &Cancellation {
        &self.capsule
    }

    /// The token in force for `who`.
    pub(crate) fn of(&self, who: Option<&Principal>) -> Cancellation {
        match who {
            None => self.capsule.clone(),
            Some(who) => {
                let mut principals = self.principals.lock();
                principals.entry(who.clone()).or_insert_with(|| self.capsule.child()).clone()
            }
        }
    }

    /// Ends what `who` runs; a later call begins under a fresh token.
    pub(crate) fn retire(&self, who: &Principal) {
        if let Some(token) = self.principals.lock().remove(who) {
            token.retire();
        }
    }
}
