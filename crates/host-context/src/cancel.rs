//! Cancellation with its cause, because a retired principal and an unloading capsule read differently to a guest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio_util::sync::CancellationToken;

/// Whether calls may still start or go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Calls are admitted.
    Live,
    /// The capsule is unloading or the call was cancelled.
    Cancelled,
    /// The principal was disabled or removed; its authority is gone.
    Retired,
}

/// A cancellation token that remembers why it fired. A clone is one reference count.
///
/// Cancelling a parent ends every child; cancelling or retiring a child touches only that child, so
/// one principal's calls can be ended while its neighbours on the same capsule go on.
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// For those who wait; looking at it takes a lock.
    token: CancellationToken,
    /// For those who look: [`LIVE`], [`CANCELLED`] or [`RETIRED`], and it only goes up.
    cause: AtomicU8,
    parent: Option<Cancellation>,
}

const LIVE: u8 = 0;
const CANCELLED: u8 = 1;
const RETIRED: u8 = 2;

impl Cancellation {
    /// A live token without parent.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that fires with this one and can also fire alone.
    #[must_use]
    pub fn child(&self) -> Self {
        let token = self.0.token.child_token();
        Self(Arc::new(Inner { token, cause: AtomicU8::new(LIVE), parent: Some(self.clone()) }))
    }

    /// Ends the calls that run under this token, for an unload or a user's abort.
    pub fn cancel(&self) {
        self.fire(CANCELLED);
    }

    /// Ends the calls that run under this token because the principal's authority is gone.
    pub fn retire(&self) {
        self.fire(RETIRED);
    }

    fn fire(&self, cause: u8) {
        // Before the token, so that whoever the token wakes already sees the cause.
        self.0.cause.fetch_max(cause, Ordering::Release);
        self.0.token.cancel();
    }

    /// Whether calls are admitted, and if not, why. A look at one word for this token and each above it.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self.0.cause.load(Ordering::Acquire) {
            LIVE => match &self.0.parent {
                // What ended the parent is no judgement on this token's principal.
                Some(parent) if parent.standing() != Standing::Live => Standing::Cancelled,
                _ => Standing::Live,
            },
            CANCELLED => Standing::Cancelled,
            _ => Standing::Retired,
        }
    }

    /// Completes when the token fires. Dropping the future loses nothing.
    pub async fn fired(&self) {
        self.0.token.cancelled().await;
    }

    /// A plain token that fires with this one, for libraries that take one. What they do to it stays theirs.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.0.token.child_token()
    }

    /// Whether both are clones of one token.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether this is the last clone, and no child is left either. Only who alone hands out clones can
    /// rely on a yes.
    #[must_use]
    pub fn is_unshared(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retiring_a_child_leaves_parent_and_siblings_live() {
        let capsule = Cancellation::new();
        let (alice, bob) = (capsule.child(), capsule.child());
        alice.retire();
        assert_eq!(alice.standing(), Standing::Retired);
        assert_eq!(bob.standing(), Standing::Live);
        assert_eq!(capsule.standing(), Standing::Live);
    }

    #[test]
    fn cancelling_the_capsule_cancels_every_principal() {
        let capsule = Cancellation::new();
        let alice = capsule.child();
        capsule.cancel();
        assert_eq!(alice.standing(), Standing::Cancelled);
        alice.retire();
        assert_eq!(alice.standing(), Standing::Retired);
        alice.cancel();
        assert_eq!(alice.standing(), Standing::Retired, "the graver cause stays");
    }

    #[test]
    fn a_parents_end_reaches_grandchildren_and_plain_tokens_and_theirs_reaches_nobody() {
        let capsule = Cancellation::new();
        let call = capsule.child().child();
        let (plain, theirs) = (call.token(), call.token());
        theirs.cancel();
        assert_eq!((call.standing(), plain.is_cancelled()), (Standing::Live, false));
        capsule.retire();
        assert_eq!((call.standing(), plain.is_cancelled()), (Standing::Cancelled, true));
    }

    #[tokio::test]
    async fn whoever_waits_sees_the_cause_when_it_wakes() {
        let alice = Cancellation::new().child();
        let waiter = tokio::spawn({
            let alice = alice.clone();
            async move {
                alice.fired().await;
                alice.standing()
            }
        });
        alice.retire();
        assert_eq!(waiter.await.unwrap(), Standing::Retired);
    }

    #[test]
    fn a_token_is_unshared_once_clones_and_children_are_gone() {
        let alice = Cancellation::new();
        let (clone, child) = (alice.clone(), alice.child());
        assert!(alice.is(&clone) && !alice.is(&child) && !alice.is_unshared());
        drop(clone);
        assert!(!alice.is_unshared());
        drop(child);
        assert!(alice.is_unshared());
    }
}
