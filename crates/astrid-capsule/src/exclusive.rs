//! Having capsules to oneself.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::{CapsuleError, Runtime};

/// Keeps handlers from beginning for as long as it is held.
#[must_use = "dropping it lets handlers begin again"]
#[derive(Default)]
pub struct Exclusive {
    /// Of pools, whatever they lend.
    _places: Option<Box<dyn Send + Sync>>,
}

impl Exclusive {
    pub(crate) fn of(places: impl Send + Sync + 'static) -> Self {
        Self { _places: Some(Box::new(places)) }
    }
}

impl fmt::Debug for Exclusive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exclusive").finish_non_exhaustive()
    }
}

impl Runtime {
    /// Runs `work` while no handler of any capsule runs: waits up to `patience` for those that do, and lets
    /// none begin meanwhile, nor any capsule that is being loaded. Calls wait until their own deadlines; run
    /// loops go on. Install and upgrade hooks count as handlers. `work` itself must not wait for a call, a load,
    /// a hook or a decision on an overlay, which wait for its end.
    ///
    /// # Errors
    /// [`crate::Code::Timeout`], naming the capsule whose handler did not end; `work` was not begun.
    pub async fn exclusively<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, CapsuleError> {
        let until = Instant::now() + patience;
        // One at a time: two that wait for each other's capsules would wait for ever.
        let alone = tokio::time::timeout_at(until, self.0.exclusive.write()).await;
        let _alone = alone.map_err(|_| {
            CapsuleError::new(
                crate::Code::Timeout,
                format!("others had the capsules to themselves, or an install or upgrade hook ran, for {patience:?}"),
            )
        })?;
        let mut held = Vec::new();
        for capsule in self.capsules() {
            held.push(capsule.exclusive(until.saturating_duration_since(Instant::now())).await?);
        }
        Ok(work.await)
    }
}
