//! The children that are kept beyond their instance, by the hash of their id.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use astrid_host_context::{CallContext, Permit};
use parking_lot::Mutex;

use crate::checked::Keeping;
use crate::child::Child;
use crate::ids::{IdHash, RawId};

/// A child that is kept.
pub(crate) struct Kept {
    pub(crate) id: RawId,
    pub(crate) hash: IdHash,
    /// Its number in this start of the host, by which lists are ordered and cursors told apart.
    pub(crate) number: u64,
    pub(crate) command: String,
    /// Its label and its times.
    pub(crate) terms: Keeping,
    pub(crate) child: Arc<Child>,
    removed: AtomicBool,
    /// Its share of the ids that may be kept.
    share: Mutex<Vec<Permit>>,
}

/// What makes a [`Kept`] of a child.
pub(crate) struct Keep {
    pub(crate) id: RawId,
    pub(crate) hash: IdHash,
    pub(crate) command: String,
    pub(crate) terms: Keeping,
    pub(crate) share: Vec<Permit>,
}

impl Kept {
    /// Whether its id names nothing any more.
    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }
}

#[derive(Default)]
pub(crate) struct Registry(Mutex<State>);

#[derive(Default)]
struct State {
    kept: HashMap<IdHash, Arc<Kept>>,
    next: u64,
}

impl Registry {
    pub(crate) fn insert(&self, keep: Keep, child: Arc<Child>) -> Arc<Kept> {
        let Keep { id, hash, command, terms, share } = keep;
        let mut state = self.0.lock();
        let number = state.next;
        state.next += 1;
        let (removed, share) = (AtomicBool::new(false), Mutex::new(share));
        let kept = Arc::new(Kept { id, hash, number, command, terms, child, removed, share });
        state.kept.insert(hash, kept.clone());
        kept
    }

    /// The same answer for what is unknown and what is somebody else's.
    pub(crate) fn find(&self, hash: &IdHash, call: &CallContext) -> Option<Arc<Kept>> {
        let state = self.0.lock();
        state.kept.get(hash).filter(|kept| kept.child.owner.sees(call)).cloned()
    }

    /// Everything the call sees, oldest first.
    pub(crate) fn list(&self, call: &CallContext) -> Vec<Arc<Kept>> {
        self.select(|kept| kept.child.owner.sees(call))
    }

    /// Oldest first.
    pub(crate) fn select(&self, which: impl Fn(&Kept) -> bool) -> Vec<Arc<Kept>> {
        let state = self.0.lock();
        let mut found: Vec<_> = state.kept.values().filter(|kept| which(kept)).cloned().collect();
        drop(state);
        found.sort_unstable_by_key(|kept| kept.number);
        found
    }

    /// The id names nothing from here on, and its share is free. Again changes nothing.
    pub(crate) fn remove(&self, kept: &Kept) {
        self.0.lock().kept.remove(&kept.hash);
        kept.removed.store(true, Ordering::Release);
        kept.share.lock().clear();
        kept.child.close_outputs();
    }
}
