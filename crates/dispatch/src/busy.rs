//! How many events are queued or being handled.

use std::sync::Arc;

use tokio::sync::watch;

/// A counter that can be waited on. A clone counts along.
#[derive(Debug, Clone)]
pub(crate) struct Busy(Arc<watch::Sender<usize>>);

/// One event, from hand-over to the end of its last handler. A handler that publishes is counted
/// until it returns, so that the count never touches zero between an event and its consequences.
#[derive(Debug)]
pub(crate) struct Working(Busy);

impl Default for Busy {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Busy {
    pub(crate) fn begin(&self) -> Arc<Working> {
        self.0.send_modify(|n| *n += 1);
        Arc::new(Working(self.clone()))
    }

    pub(crate) async fn idle(&self) {
        // The sender is `self`: it is there for as long as this waits.
        let _ = self.0.subscribe().wait_for(|n| *n == 0).await;
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.0.send_modify(|n| *n = n.saturating_sub(1));
    }
}
