//! The one question a pollable asks its source.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use tokio::task::coop::unconstrained;

use crate::StreamFailure;

/// Why a wait for a source is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyState {
    /// The condition holds, or the source ended or failed and has something left to say about it.
    Ready,
    /// The host tore the source down and nothing is left to ask; the guest sees `closed`.
    Gone,
}

/// A condition that can be waited for.
///
/// Level-triggered: it stays ready while the condition holds and may be asked again after it was.
/// Cancel-safe: a caller may stop asking at any time and nothing is consumed or lost. When it answers
/// `Pending` it keeps the waker of the latest call and wakes it once the answer may have changed;
/// waking too often is harmless. It must report the real condition: one that is always ready makes
/// guests spin.
pub trait Readiness: Send {
    /// Answers now, or keeps the waker.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState>;
}

impl<R: Readiness + ?Sized> Readiness for Box<R> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        (**self).poll_ready(cx)
    }
}

/// Makes a source of a function that keeps [`Readiness`]'s promises. A timer does:
///
/// ```
/// use astrid_host_io::{ReadyState, readiness_fn};
/// use std::{future::Future, time::Duration};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let mut timer = Box::pin(tokio::time::sleep(Duration::from_secs(1)));
/// let source = readiness_fn(move |cx| timer.as_mut().poll(cx).map(|()| ReadyState::Ready));
/// # drop(source); }
/// ```
pub fn readiness_fn<F>(ask: F) -> impl Readiness
where
    F: FnMut(&mut Context<'_>) -> Poll<ReadyState> + Send,
{
    struct Asked<F>(F);

    impl<F: FnMut(&mut Context<'_>) -> Poll<ReadyState> + Send> Readiness for Asked<F> {
        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
            (self.0)(cx)
        }
    }

    Asked(ask)
}

/// Polls `ask` outside tokio's task budget: a task that has used its budget up would otherwise see
/// sources pending that are ready, and a guest that only probes would never see them ready again.
pub(crate) fn unbudgeted<T>(cx: &mut Context<'_>, ask: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    pin!(unconstrained(poll_fn(ask))).poll(cx)
}

/// Asks once without anybody to wake, outside tokio's task budget.
pub(crate) fn probe<T>(ask: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    unbudgeted(&mut Context::from_waker(Waker::noop()), ask)
}

/// Runs a step of a source or sink outside tokio's task budget, see [`unbudgeted`].
pub(crate) fn step<T>(step: impl FnOnce() -> Result<T, StreamFailure>) -> Result<T, StreamFailure> {
    unconstrained(async { step() }).now_or_never().unwrap_or(Err(StreamFailure::Closed))
}
