//! The tokens that end a principal's calls.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use astrid_host_context::{Cancellation, Principal};
use parking_lot::Mutex;

use crate::revocation::{RevocationHook, Revocations};

/// Principals without a call whose tokens are kept for their next one; beyond it they are forgotten.
const MAX_IDLE: usize = 256;

/// The principals' tokens of one capsule, children of the capsule's own. A principal's token stays for its
/// next call, because making one costs more than all else that a call asks of this crate.
#[derive(Debug)]
pub struct Tokens {
    capsule: Cancellation,
    principals: Mutex<Known>,
    revocations: Arc<Revocations>,
}

#[derive(Debug, Default)]
struct Known {
    of: HashMap<Principal, Arc<Held>>,
    /// At this many those without a call are looked for.
    prune_at: usize,
}

#[derive(Debug)]
struct Held {
    token: Cancellation,
    /// Goes up only under the map's lock, so that who is seen there without a call has none.
    calls: AtomicUsize,
}

/// A principal's token for one call; reads as the [`Cancellation`].
#[derive(Debug)]
pub struct CallToken(Arc<Held>);

impl Tokens {
    /// Tokens below `capsule`, ended by `revocations`.
    #[must_use]
    pub fn new(capsule: Cancellation, revocations: Arc<Revocations>) -> Arc<Self> {
        let tokens =
            Arc::new(Self { capsule, principals: Mutex::default(), revocations: revocations.clone() });
        revocations.watch(&tokens);
        tokens
    }

    /// The capsule's own token.
    #[must_use]
    pub fn capsule(&self) -> &Cancellation {
        &self.capsule
    }

    /// The token for a call of `who`, whose profile was read in generation `seen`; one that has
    /// already fired if `who` was revoked since.
    #[must_use]
    pub fn of(&self, who: Option<&Principal>, seen: u64) -> CallToken {
        let Some(who) = who else { return CallToken(Held::first(self.capsule.clone())) };
        let held = self.principals.lock().call(who, &self.capsule);
        let call = CallToken(held);
        // After the token is in the map: a revocation either finds it there or is found here.
        if self.revocations.stands(who, seen) {
            let refused = Cancellation::new();
            refused.retire();
            return CallToken(Held::first(refused));
        }
        call
    }

    /// Ends what `who` runs; a later call begins under a fresh token.
    pub fn retire(&self, who: &Principal) {
        let held = self.principals.lock().of.remove(who);
        if let Some(held) = held {
            held.token.retire();
        }
    }

    /// Principals with a call under way.
    #[must_use]
    pub fn principals(&self) -> usize {
        self.principals.lock().of.values().filter(|held| held.is_called()).count()
    }
}

impl Known {
    fn call(&mut self, who: &Principal, capsule: &Cancellation) -> Arc<Held> {
        if let Some(held) = self.of.get(who) {
            held.calls.fetch_add(1, Ordering::Relaxed);
            return held.clone();
        }
        if self.of.len() >= self.prune_at.max(MAX_IDLE) {
            self.of.retain(|_, held| held.is_called());
            // Amortised: as many again may come before the next look.
            self.prune_at = 2 * self.of.len();
        }
        let held = Held::first(capsule.child());
        self.of.insert(who.clone(), held.clone());
        held
    }
}

impl Held {
    fn first(token: Cancellation) -> Arc<Self> {
        Arc::new(Self { token, calls: AtomicUsize::new(1) })
    }

    fn is_called(&self) -> bool {
        self.calls.load(Ordering::Relaxed) > 0
    }
}

impl RevocationHook for Tokens {
    fn revoked(&self, who: &Principal) {
        self.retire(who);
    }
}

impl Deref for CallToken {
    type Target = Cancellation;

    fn deref(&self) -> &Cancellation {
        &self.0.token
    }
}

impl Drop for CallToken {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_host_context::Standing;

    fn fixture() -> (Arc<Tokens>, Arc<Revocations>, Principal) {
        let revocations = Arc::new(Revocations::default());
        let tokens = Tokens::new(Cancellation::new(), revocations.clone());
        (tokens, revocations, Principal::parse("alice").unwrap())
    }

    // principals case 12
    #[test]
    fn a_revoked_principal_is_refused_until_a_profile_read_after_it_says_otherwise() {
        let (tokens, revocations, alice) = fixture();
        let running = tokens.of(Some(&alice), 6);
        revocations.revoke(&alice, 7);
        assert_eq!(running.standing(), Standing::Retired);
        assert_eq!(tokens.of(Some(&alice), 6).standing(), Standing::Retired, "a late call");
        let again = tokens.of(Some(&alice), 7);
        assert_eq!(again.standing(), Standing::Live);
        drop(running);
        assert_eq!(tokens.of(Some(&alice), 7).standing(), Standing::Live);
        assert_eq!(tokens.principals(), 1, "the old call's end is not the new one's");
    }

    #[test]
    fn a_removed_principal_stays_refused_until_it_is_readmitted() {
        let (tokens, revocations, alice) = fixture();
        revocations.revoke(&alice, u64::MAX);
        revocations.revoke(&alice, 3);
        assert_eq!(tokens.of(Some(&alice), u64::MAX - 1).standing(), Standing::Retired);
        revocations.readmit(&alice);
        assert_eq!(tokens.of(Some(&alice), 0).standing(), Standing::Live);
    }

    #[test]
    fn tokens_without_a_call_are_kept_for_the_next_and_only_so_many() {
        let (tokens, _, alice) = fixture();
        let first = tokens.of(Some(&alice), 0);
        for n in 0..2000 {
            let who = Principal::parse(&format!("p{n}")).unwrap();
            assert_eq!(tokens.of(Some(&who), 0).standing(), Standing::Live);
        }
        assert_eq!(tokens.principals(), 1);
        assert!(tokens.principals.lock().of.len() <= MAX_IDLE);
        tokens.retire(&alice);
        assert_eq!(first.standing(), Standing::Retired, "who has a call is never forgotten");
    }

    #[test]
    fn ending_one_call_leaves_the_principals_other_calls_and_tokens_go_with_the_last() {
        let (tokens, _, alice) = fixture();
        let (first, second) = (tokens.of(Some(&alice), 0), tokens.of(Some(&alice), 0));
        drop(first);
        tokens.retire(&alice);
        assert_eq!(second.standing(), Standing::Retired);
        let fresh = tokens.of(Some(&alice), 0);
        assert_eq!(fresh.standing(), Standing::Live);
        drop((second, fresh));
        assert_eq!(tokens.principals(), 0);
    }

    #[test]
    fn a_revocation_racing_with_new_calls_leaves_none_of_them_live() {
        for _ in 0..200 {
            let (tokens, revocations, alice) = fixture();
            let start = std::sync::Barrier::new(2);
            let calls = std::thread::scope(|scope| {
                let caller = scope.spawn(|| {
                    start.wait();
                    (0..20).map(|_| tokens.of(Some(&alice), 0)).collect::<Vec<_>>()
                });
                start.wait();
                revocations.revoke(&alice, 1);
                caller.join().unwrap()
            });
            assert!(calls.iter().all(|call| call.standing() == Standing::Retired));
        }
    }
}
