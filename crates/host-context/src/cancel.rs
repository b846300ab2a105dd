//! Cancellation with its cause, because a retired principal and an unloading capsule read differently to a guest.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Poll;

use tokio::sync::Notify;

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
///
/// A child knows its parent and no parent its children: making one costs an allocation and takes no lock that
/// another call could hold, and whoever waits does so on this token and on each above it. Calls make
/// children all the time and seldom wait.
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// [`LIVE`], [`CANCELLED`] or [`RETIRED`], and it only goes up.
    cause: AtomicU8,
    /// Wakes those who wait, after the cause is set.
    fired: Notify,
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
        Self(Arc::new(Inner { parent: Some(self.clone()), ..Inner::default() }))
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
        // Before they wake, so that they see it.
        self.0.cause.fetch_max(cause, Ordering::Release);
        self.0.fired.notify_waiters();
    }

    /// Whether calls are admitted, and if not, why. A look at one word for this token and each above it.
    #[inline]
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

    /// Completes when this token or one above it fires. Dropping the future loses nothing.
    pub async fn fired(&self) {
        let here_and_above = std::iter::successors(Some(self), |token| token.0.parent.as_ref());
        // Made before the look: they hear of everything that fires from here on.
        let mut waits: Vec<_> = here_and_above.map(|token| Box::pin(token.0.fired.notified())).collect();
        if self.standing() != Standing::Live {
            return;
        }
        poll_fn(|cx| match waits.iter_mut().any(|wait| wait.as_mut().poll(cx).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    /// Whether both are clones of one token.
    #[inline]
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
    fn a_parents_end_reaches_grandchildren_and_a_grandchilds_reaches_nobody() {
        let capsule = Cancellation::new();
        let principal = capsule.child();
        let (call, other) = (principal.child(), principal.child());
        other.cancel();
        assert_eq!((principal.standing(), call.standing()), (Standing::Live, Standing::Live));
        capsule.retire();
        assert_eq!(call.standing(), Standing::Cancelled);
    }

    #[tokio::test]
    async fn waiting_ends_at_once_under_a_token_that_fired_before() {
        let capsule = Cancellation::new();
        let call = capsule.child().child();
        capsule.cancel();
        call.fired().await;
    }

    #[test]
    fn only_those_below_a_token_wake_when_it_fires_and_each_of_them_does() {
        let capsule = Cancellation::new();
        let (alice, bob) = (capsule.child(), capsule.child());
        let mut waiters = [alice.child(), alice.child(), bob.child()].map(Waiter::new);
        assert_eq!(waiters.each_mut().map(Waiter::is_done), [false; 3]);
        alice.cancel();
        assert_eq!(waiters.each_ref().map(Waiter::wakes), [1, 1, 0]);
        assert_eq!(waiters.each_mut().map(Waiter::is_done), [true, true, false]);
    }

    struct Waiter(std::pin::Pin<Box<dyn Future<Output = ()>>>, Arc<CountWakes>);

    impl Waiter {
        fn new(token: Cancellation) -> Self {
            Self(Box::pin(async move { token.fired().await }), Arc::default())
        }

        fn is_done(&mut self) -> bool {
            let waker = self.1.clone().into();
            self.0.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_ready()
        }

        fn wakes(&self) -> u32 {
            self.1.0.load(Ordering::Relaxed)
        }
    }

    #[derive(Default)]
    struct CountWakes(std::sync::atomic::AtomicU32);

    impl std::task::Wake for CountWakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A token may fire between a waiter's look and its sleep; with two threads that want to meet there, a lost
    /// wake-up hangs.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_up_is_lost_to_a_race() {
        for _ in 0..2000 {
            let capsule = Cancellation::new();
            let call = capsule.child().child();
            let barrier = Arc::new(std::sync::Barrier::new(2));
            let waiter = tokio::spawn({
                let barrier = barrier.clone();
                async move {
                    barrier.wait();
                    call.fired().await;
                }
            });
            barrier.wait();
            capsule.cancel();
            waiter.await.unwrap();
        }
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
