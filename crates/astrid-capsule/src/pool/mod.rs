//! Instances of one capsule, lent one call at a time, each only ever to one principal.
//!
//! The pool knows no wasmtime: it lends what [`Make`] makes. Fairness comes from the semaphore,
//! which serves waiters in order; isolation from the tag, which an instance keeps after its first
//! call, so that guest memory never carries from one principal to another.

mod idle;
mod lease;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use idle::Idle;
pub(crate) use lease::Lease;

/// How often instances beyond the warm ones are let go.
const EVICT_EVERY: Duration = Duration::from_secs(30);
/// Instances kept warm per capsule: enough that a burst starts at once, few enough that a hundred
/// idle capsules cost little.
const MIN_IDLE: usize = 4;

/// Makes what the pool lends.
pub(crate) trait Make: Send + Sync + 'static {
    type Item: Send + 'static;
    type Error: Send;

    /// Makes one for `tag`, which keeps it.
    fn make(&self, tag: Option<&Principal>) -> impl Future<Output = Result<Self::Item, Self::Error>> + Send;
}

/// Why nothing was lent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unavailable<E> {
    /// The wait reached its end.
    Timeout,
    /// The capsule is being unloaded.
    Closed,
    /// A new instance could not be made.
    Make(E),
}

/// Lends at most `max` items at once and keeps at most that many.
pub(crate) struct Pool<M: Make> {
    make: M,
    max: usize,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Idle<M::Item>>>,
    returned: Arc<Notify>,
}

impl<M: Make> Pool<M> {
    pub(crate) fn new(make: M, max: usize) -> Self {
        Self {
            make,
            max,
            permits: Arc::new(Semaphore::new(max)),
            idle: Arc::default(),
            returned: Arc::default(),
        }
    }

    /// Lends an item to `tag`: one it used before, one nobody used, or a new one.
    ///
    /// # Errors
    /// [`Unavailable`]; a wait that ends early takes nothing.
    pub(crate) async fn checkout(
        &self,
        tag: Option<&Principal>,
        until: Option<Instant>,
    ) -> Result<Lease<M::Item>, Unavailable<M::Error>> {
        let permit = self.permit(until).await?;
        let found = self.idle.lock().take_for(tag);
        let item = match found {
            Some(item) => item,
            None => {
                // Lent and idle items together stay within the bound.
                let lent = self.max.saturating_sub(self.permits.available_permits());
                let surplus = self.idle.lock().trim_cold(self.max.saturating_sub(lent));
                drop(surplus);
                // Boxed: making one is rare and its future large, and every call would carry it.
                Box::pin(self.make.make(tag)).await.map_err(Unavailable::Make)?
            }
        };
        Ok(Lease::new(item, tag.cloned(), self.idle.clone(), permit, self.returned.clone()))
    }

    /// Lets go of what idles for `tag`, with everything its guests remember.
    pub(crate) fn forget(&self, tag: &Principal) {
        let idle = self.idle.lock().take_all(tag);
        drop(idle);
    }

    /// Refuses every later checkout, wakes those that wait, and lets idle items go.
    pub(crate) fn close(&self) {
        self.permits.close();
        drop(self.idle.lock().trim_cold(0));
    }

    /// Closes the pool and waits up to `grace` for the items on loan to come back or be discarded.
    pub(crate) async fn drain(&self, grace: Duration) {
        self.close();
        let back = async {
            while self.permits.available_permits() < self.max {
                self.returned.notified().await;
            }
        };
        // What is still out belongs to a call that is being dropped; it discards itself.
        let _ = tokio::time::timeout(grace, back).await;
    }

    /// Lets idle items beyond the warm ones go, coldest first, every half minute until closed.
    pub(crate) fn evict_periodically(&self) -> impl Future<Output = ()> + Send + 'static {
        let (idle, permits) = (self.idle.clone(), self.permits.clone());
        let keep = MIN_IDLE.min(self.max);
        async move {
            let mut every = tokio::time::interval(EVICT_EVERY);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            every.tick().await;
            while !permits.is_closed() {
                every.tick().await;
                drop(idle.lock().trim_cold(keep));
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn idle_len(&self) -> usize {
        self.idle.lock().len()
    }

    async fn permit(&self, until: Option<Instant>) -> Result<OwnedSemaphorePermit, Unavailable<M::Error>> {
        // A permit that is free belongs to nobody who waits, and most are: no timer for those.
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let acquire = self.permits.clone().acquire_owned();
        let permit = match until {
            Some(at) => tokio::time::timeout_at(at, acquire).await.map_err(|_| Unavailable::Timeout)?,
            None => acquire.await,
        };
        permit.map_err(|_| Unavailable::Closed)
    }
}

#[cfg(test)]
mod tests;
