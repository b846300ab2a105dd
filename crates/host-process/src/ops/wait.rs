//! How a host function waits for a child.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use astrid_host_context::Entry;
use tokio::task::coop::consume_budget;
use tokio::time::timeout;

use crate::Error;
use crate::child::{Child, Ended};

/// Runs work that may wait, and leaves the marks of a cooperative wait if it did. Passes one budget point also
/// when nothing is to wait for, so that a guest that polls in a loop cannot starve its worker.
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

/// Waits for a child's end, without limit where there is none.
pub(super) async fn end_of(child: &Child, limit: Option<Duration>) -> Result<Ended, Error> {
    if let Some(ended) = child.ended() {
        return Ok(ended);
    }
    match limit {
        Some(Duration::ZERO) => Err(Error::WaitTimeout),
        Some(limit) => timeout(limit, child.end()).await.map_err(|_elapsed| Error::WaitTimeout),
        None => Ok(child.end().await),
    }
}
