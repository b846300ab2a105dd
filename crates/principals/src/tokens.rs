//! The tokens that end a principal's calls.

use std::collections::HashMap;
use std::sync::Arc;

use astrid_host_context::{Cancellation, Principal};
use parking_lot::Mutex;

use crate::revocation::{RevocationHook, Revocations};

/// Tokens that nobody holds and that are kept for their principal's next call; beyond it they are forgotten.
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
    /// Clones are made under the lock alone, or of clones: one that is seen here unshared is nobody's.
    of: HashMap<Principal, Cancellation>,
    /// At this many those that nobody holds are looked for.
    prune_at: usize,
}

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

    /// The token for calls of `who`, whose profile was read in generation `seen`; one that has already
    /// fired if `who` was revoked since. For as long as somebody holds it, every revocation reaches it.
    #[must_use]
    pub fn of(&self, who: Option<&Principal>, seen: u64) -> Cancellation {
        let Some(who) = who else { return self.capsule.clone() };
        let token = self.principals.lock().get(who, &self.capsule);
        // After the token is in the map: a revocation either finds it there or is found here.
        if self.revocations.stands(who, seen) {
            let refused = Cancellation::new();
            refused.retire();
            return refused;
        }
        token
    }

    /// Ends what `who` runs; a later call begins under a fresh token.
    pub fn retire(&self, who: &Principal) {
        let token = self.principals.lock().of.remove(who);
        if let Some(token) = token {
            token.retire();
        }
    }

    /// Principals whose token somebody holds.
    #[must_use]
    pub fn principals(&self) -> usize {
        self.principals.lock().of.values().filter(|token| !token.is_unshared()).count()
    }
}

impl Known {
    fn get(&mut self, who: &Principal, capsule: &Cancellation) -> Cancellation {
        if let Some(token) = self.of.get(who) {
            return token.clone();
        }
        if self.of.len() >= self.prune_at.max(MAX_IDLE) {
            self.of.retain(|_, token| !token.is_unshared());
            // Amortised: as many again may come before the next look.
            self.prune_at = 2 * self.of.len();
        }
        let token = capsule.child();
        self.of.insert(who.clone(), token.clone());
        token
    }
}

impl RevocationHook for Tokens {
    fn revoked(&self, who: &Principal) {
        self.retire(who);
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
