//! How a host function parks.

use std::future::{Future, poll_fn};
use std::pin::pin;

use astrid_host_context::{Entry, Refusal};
use tokio::task::coop::consume_budget;

/// Runs work that may wait, and leaves the marks of a cooperative wait if it did. Passes one budget
/// point also when nothing is to wait for, so that a guest looping on ready sockets cannot starve its
/// worker.
pub(super) async fn marked<T>(entry: &Entry, work: impl Future<Output = T>) -> T {
    consume_budget().await;
    let mut work = pin!(work);
    let mut parked = false;
    let progress = entry.call().progress();
    let answer = poll_fn(|cx| {
        let answer = work.as_mut().poll(cx);
        if answer.is_pending() {
            // Marked while parking too: the watchdog may look before the wait is over.
            parked = true;
            progress.mark_yielded();
        }
        answer
    })
    .await;
    if parked {
        progress.mark_yielded();
        progress.mark_waited_outside();
    }
    answer
}

/// As [`marked`], for work inside an envelope that does not race it.
pub(super) async fn raced<T>(entry: &Entry, work: impl Future<Output = T>) -> Result<T, Refusal> {
    entry.call().admit()?;
    entry.race(marked(entry, work)).await
}
