//! Instances of one capsule, lent one call at a time, each only ever to one principal.
//!
//! The pool knows no wasmtime: it lends what [`Make`] makes. Fairness comes from the semaphore,
//! which serves waiters in order; isolation from the tag, which an instance keeps after its first
//! call, so that guest memory never carries from one principal to another.

mod idle;
mod lease;
mod turns;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::sync::futures::OwnedNotified;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use idle::Idle;
pub(crate) use lease::Lease;
use lease::{Loan, Loans};
use turns::Turns;

/// How often instances beyond the warm ones are let go.
const EVICT_EVERY: Duration = Duration::from_secs(30);
/// Instances kept warm per capsule: enough that a burst starts at once, few enough that a hundred
/// idle capsules cost little.
const MIN_IDLE: usize = 4;
/// How long a principal's one instance idles before it is let go (engines chapter §4).
const STICKY_IDLE: Duration = Duration::from_secs(30 * 60);

/// Makes what the pool lends.
pub(crate) trait Make: Send + Sync + 'static {
    type Item: Send + 'static;
    type Error: Send;

    /// Makes one for `tag`, which keeps it.
    fn make(&self, tag: Option<&Principal>) -> impl Future<Output = Result<Self::Item, Self::Error>> + Send;

    /// Whether an idle item holds something that must outlive its idling, such as a live process.
    fn pinned(item: &Self::Item) -> bool;
}

/// How many instances a principal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As many as it has calls at once; those beyond the warm ones are let go soon.
    Affine,
    /// One, whose calls are served one by one: what a guest keeps in its memory, handles included, is
    /// there at the next call.
    Sticky,
}

/// Why nothing was lent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unavailable<E> {
    /// The wait reached its end.
    Timeout,
    /// Every instance is another principal's and must stay.
    Limit,
    /// The capsule is being unloaded.
    Closed,
    /// A new instance could not be made.
    Make(E),
}

/// Whether one more item fits.
enum Room {
    Free(Loan),
    /// All that idle must stay; one that is lent may be free to go when it comes back.
    Later(OwnedNotified),
    /// All that there are must stay.
    Never,
}

/// Lends at most `max` items at once and keeps at most that many.
pub(crate) struct Pool<M: Make> {
    make: M,
    max: usize,
    permits: Arc<Semaphore>,
    /// In [`Mode::Sticky`].
    turns: Option<Turns>,
    idle: Arc<Mutex<Idle<M::Item>>>,
    loans: Arc<Loans>,
}

impl<M: Make> Pool<M> {
    pub(crate) fn new(make: M, max: usize, mode: Mode) -> Self {
        Self {
            make,
            max,
            permits: Arc::new(Semaphore::new(max)),
            turns: (mode == Mode::Sticky).then(Turns::default),
            idle: Arc::default(),
            loans: Arc::default(),
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
        let _turn = match &self.turns {
            Some(turns) => Some(permits(turns.of(tag), 1, until).await?),
            None => None,
        };
        loop {
            let permit = permits(self.permits.clone(), 1, until).await?;
            let found = self.idle.lock().take_for(tag);
            let (item, _loan) = match found {
                Some(item) => (item, self.loans.begin()),
                None => match self.make_room() {
                    Room::Free(loan) => {
                        // Boxed: making one is rare and its future large, and every call would carry it.
                        let made = Box::pin(self.make.make(tag)).await;
                        (made.map_err(Unavailable::Make)?, loan)
                    }
                    Room::Later(returned) => {
                        drop(permit);
                        match until {
                            Some(at) => timeout_at(at, returned).await.map_err(|_| Unavailable::Timeout)?,
                            None => returned.await,
                        }
                        continue;
                    }
                    Room::Never => return Err(Unavailable::Limit),
                },
            };
            let (item, tag, idle) = (Some(item), tag.cloned(), self.idle.clone());
            return Ok(Lease { item, tag, idle, permit, _loan, _turn });
        }
    }

    /// Lets the coldest go until one more fits: lent and idle items together stay within the bound.
    fn make_room(&self) -> Room {
        // Made before the look, so that no return is missed.
        let returned = self.loans.returned.clone().notified_owned();
        let lent = self.max.saturating_sub(self.permits.available_permits());
        let keep = self.max.saturating_sub(lent);
        let mut idle = self.idle.lock();
        let surplus = idle.trim_cold(keep, M::pinned);
        let fits = idle.len() <= keep;
        drop(idle);
        drop(surplus);
        match fits {
            true => Room::Free(self.loans.begin()),
            false if self.loans.none() => Room::Never,
            false => Room::Later(returned),
        }
    }

    /// Waits until nothing is lent and lends nothing until the guard is dropped.
    ///
    /// # Errors
    /// [`Unavailable::Timeout`] or [`Unavailable::Closed`].
    pub(crate) async fn exclusive(
        &self,
        until: Option<Instant>,
    ) -> Result<OwnedSemaphorePermit, Unavailable<M::Error>> {
        permits(self.permits.clone(), self.max, until).await
    }

    /// Lets go of what idles for `tag`, with everything its guests remember.
    pub(crate) fn forget(&self, tag: &Principal) {
        let idle = self.idle.lock().take_all(tag);
        drop(idle);
    }

    /// Refuses every later checkout, wakes those that wait, and lets idle items go.
    pub(crate) fn close(&self) {
        self.permits.close();
        if let Some(turns) = &self.turns {
            turns.close();
        }
        drop(self.idle.lock().trim_cold(0, |_| false));
    }

    /// Closes the pool and waits up to `grace` for the items on loan to come back or be discarded.
    pub(crate) async fn drain(&self, grace: Duration) {
        self.close();
        let back = async {
            while self.permits.available_permits() < self.max {
                self.loans.drained.notified().await;
            }
        };
        // What is still out belongs to a call that is being dropped; it discards itself.
        let _ = tokio::time::timeout(grace, back).await;
    }

    /// Lets idle items go every half minute until closed: the coldest beyond the warm ones, or where each
    /// principal has its one, what was not used for half an hour.
    pub(crate) fn evict_periodically(&self) -> impl Future<Output = ()> + Send + 'static {
        let (idle, permits) = (self.idle.clone(), self.permits.clone());
        let (keep, sticky) = (MIN_IDLE.min(self.max), self.turns.is_some());
        async move {
            let mut every = tokio::time::interval(EVICT_EVERY);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            every.tick().await;
            while !permits.is_closed() {
                let now = every.tick().await;
                let mut idle = idle.lock();
                let gone = match (sticky, now.checked_sub(STICKY_IDLE)) {
                    (false, _) => idle.trim_cold(keep, M::pinned),
                    (true, Some(then)) => idle.take_unused_since(then, M::pinned),
                    (true, None) => Vec::new(),
                };
                drop(idle);
                drop(gone);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn idle_len(&self) -> usize {
        self.idle.lock().len()
    }
}

async fn permits<E>(
    of: Arc<Semaphore>,
    count: usize,
    until: Option<Instant>,
) -> Result<OwnedSemaphorePermit, Unavailable<E>> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    // A permit that is free belongs to nobody who waits, and most are: no timer for those.
    if let Ok(permit) = of.clone().try_acquire_many_owned(count) {
        return Ok(permit);
    }
    let acquire = of.acquire_many_owned(count);
    let permit = match until {
        Some(at) => timeout_at(at, acquire).await.map_err(|_| Unavailable::Timeout)?,
        None => acquire.await,
    };
    permit.map_err(|_| Unavailable::Closed)
}

#[cfg(test)]
mod tests;
