//! Calls of the store: in tasks of their own, so many at once, and not for ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::StoreError;

/// How long one operation may take in the store, the contract's figure.
pub const STORE_BUDGET: Duration = Duration::from_secs(5);
/// Calls of the store at once: enough to keep it busy. Those of one that hangs go on and keep their places, so
/// that it is soon asked nothing more.
const AT_ONCE: usize = 64;

#[derive(Debug)]
pub(crate) struct Calls(Arc<Semaphore>);

impl Default for Calls {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Calls {
    /// Waits for a place and for the call, until `deadline`. A call that has begun goes on when nobody waits for
    /// it any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let called = async {
            let place = self.0.clone().acquire_owned().await;
            let place = place.map_err(|closed| StoreError::Closed(closed.to_string()))?;
            let task = tokio::spawn(async move {
                let done = work.await;
                drop(place);
                done
            });
            task.await.unwrap_or_else(|ended| Err(StoreError::Io(ended.to_string())))
        };
        timeout_at(deadline, called).await.unwrap_or(Err(StoreError::TooSlow))
    }
}
