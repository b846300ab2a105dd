//! Ending everything a principal runs, so that nothing of it comes back by accident.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use astrid_host_context::Principal;
use parking_lot::Mutex;

/// Something that holds work of principals: tokens, queues, processes.
pub trait RevocationHook: Send + Sync {
    /// Ends what `who` has. Called without a lock held; it must not wait.
    fn revoked(&self, who: &Principal);
}

/// Who is revoked, and what to end for it.
///
/// A tombstone remembers the generation of the profile cache from which on the principal may be
/// served again: a call that resolved its profile before an operator took the principal's authority
/// away gets none, however late it comes.
#[derive(Default)]
pub struct Revocations {
    tombstones: Mutex<HashMap<Principal, u64>>,
    hooks: Mutex<Vec<Weak<dyn RevocationHook>>>,
    count: AtomicU64,
}

impl Revocations {
    /// Tells `hook` of every revocation from now on, for as long as it exists.
    pub fn watch(&self, hook: &Arc<impl RevocationHook + 'static>) {
        let hook: Arc<dyn RevocationHook> = hook.clone();
        let mut hooks = self.hooks.lock();
        hooks.retain(|hook| hook.strong_count() > 0);
        hooks.push(Arc::downgrade(&hook));
    }

    /// Ends what `who` runs, and refuses it until a profile read in generation `until` or later says
    /// otherwise. `u64::MAX` is until [`Revocations::readmit`].
    pub fn revoke(&self, who: &Principal, until: u64) {
        // The tombstone first: who makes a token from now on sees it, who made one before is told below.
        let mut tombstones = self.tombstones.lock();
        let at = tombstones.entry(who.clone()).or_insert(until);
        *at = until.max(*at);
        self.count.fetch_add(1, Ordering::SeqCst);
        drop(tombstones);
        let hooks: Vec<_> = self.hooks.lock().iter().filter_map(Weak::upgrade).collect();
        hooks.iter().for_each(|hook| hook.revoked(who));
    }

    /// Whether `who` is refused, given a profile that was read in generation `seen`. A later
    /// generation than the tombstone's ends the revocation.
    #[must_use]
    pub fn stands(&self, who: &Principal, seen: u64) -> bool {
        let mut tombstones = self.tombstones.lock();
        match tombstones.get(who) {
            None => false,
            Some(until) if seen < *until => true,
            Some(_) => {
                tombstones.remove(who);
                false
            }
        }
    }

    /// How often anybody was revoked. Who was served before the last time may have been the one.
    #[inline]
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Whether `who` was revoked and not served since.
    #[must_use]
    pub fn is_revoked(&self, who: &Principal) -> bool {
        self.tombstones.lock().contains_key(who)
    }

    /// Lets a removed principal be served again, under fresh tokens.
    pub fn readmit(&self, who: &Principal) {
        self.tombstones.lock().remove(who);
    }
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revocations").field("revoked", &self.tombstones.lock().len()).finish_non_exhaustive()
    }
}
