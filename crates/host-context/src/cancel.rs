//! Cancellation with its cause, because a retired principal and an unloading capsule read differently to a guest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// A cancellation token that remembers why it fired.
///
/// Cancelling a parent ends every child; cancelling or retiring a child touches only that child, so
/// one principal's calls can be ended while its neighbours on the same capsule go on.
#[derive(Debug, Clone, Default)]
pub struct Cancellation {
    token: CancellationToken,
    retired: Arc<AtomicBool>,
}

impl Cancellation {
    /// A live token without parent.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that fires with this one and can also fire alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token(), retired: Arc::default() }
    }

    /// Ends the calls that run under this token, for an unload or a user's abort.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Ends the calls that run under this token because the principal's authority is gone.
    pub fn retire(&self) {
        // Before the token, so that whoever the token wakes already sees the cause.
        self.retired.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Whether calls are admitted, and if not, why.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if !self.token.is_cancelled() {
            Standing::Live
        } else if self.retired.load(Ordering::Acquire) {
            Standing::Retired
        } else {
            Standing::Cancelled
        }
    }

    /// Completes when the token fires. Dropping the future loses nothing.
    pub async fn fired(&self) {
        self.token.cancelled().await;
    }

    /// The plain token, for libraries that take one.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
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
    }
}
