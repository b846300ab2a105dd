//! The tokens that end a principal's calls.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use astrid_host_context::{Cancellation, Principal};
use parking_lot::Mutex;

use crate::revocation::{RevocationHook, Revocations};

/// The principals' tokens of one capsule, children of the capsule's own. A token exists while a call
/// holds it.
#[derive(Debug)]
pub struct Tokens {
    capsule: Cancellation,
    principals: Mutex<HashMap<Principal, Held>>,
    revocations: Arc<Revocations>,
    next: std::sync::atomic::AtomicU64,
}

#[derive(Debug)]
struct Held {
    token: Cancellation,
    /// Tells this token from a later one of the same principal.
    number: u64,
    calls: usize,
}

/// A principal's token for one call; reads as the [`Cancellation`].
#[derive(Debug)]
pub struct CallToken {
    token: Cancellation,
    of: Option<(Arc<Tokens>, Principal, u64)>,
}

impl Tokens {
    /// Tokens below `capsule`, ended by `revocations`.
    #[must_use]
    pub fn new(capsule: Cancellation, revocations: Arc<Revocations>) -> Arc<Self> {
        let tokens = Arc::new(Self {
            capsule,
            principals: Mutex::default(),
            revocations: revocations.clone(),
            next: std::sync::atomic::AtomicU64::new(0),
        });
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
    pub fn of(self: &Arc<Self>, who: Option<&Principal>, seen: u64) -> CallToken {
        let Some(who) = who else { return CallToken { token: self.capsule.clone(), of: None } };
        let (token, number) = {
            let mut principals = self.principals.lock();
            let held = principals.entry(who.clone()).or_insert_with(|| Held {
                token: self.capsule.child(),
                number: self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
                calls: 0,
            });
            held.calls += 1;
            (held.token.clone(), held.number)
        };
        let call = CallToken { token, of: Some((self.clone(), who.clone(), number)) };
        // After the token is in the map: a revocation either finds it there or is found here.
        if self.revocations.stands(who, seen) {
            let refused = Cancellation::new();
            refused.retire();
            return CallToken { token: refused, of: None };
        }
        call
    }

    /// Ends what `who` runs; a later call begins under a fresh token.
    pub fn retire(&self, who: &Principal) {
        let held = self.principals.lock().remove(who);
        if let Some(held) = held {
            held.token.retire();
        }
    }

    /// Principals with a call under way.
    #[must_use]
    pub fn principals(&self) -> usize {
        self.principals.lock().len()
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
        &self.token
    }
}

impl Drop for CallToken {
    fn drop(&mut self) {
        let Some((tokens, who, number)) = self.of.take() else { return };
        let mut principals = tokens.principals.lock();
        if let Some(held) = principals.get_mut(&who).filter(|held| held.number == number) {
            held.calls -= 1;
            if held.calls == 0 {
                principals.remove(&who);
            }
        }
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
