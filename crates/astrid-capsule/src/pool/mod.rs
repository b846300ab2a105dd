//! Instances of one capsule, lent one call at a time, each only ever to one principal.
//!
//! The pool knows no wasmtime: it lends what [`Make`] makes. Fairness comes from the line in
//! `shelf.rs`; isolation from the tag, which an instance keeps after its first call, so that guest
//! memory never carries from one principal to another.

mod idle;
mod lease;
mod shelf;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::Principal;
use tokio::time::Instant;

pub(crate) use lease::Lease;
use shelf::Shelf;

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
    shelf: Arc<Shelf<M::Item>>,
}

impl<M: Make> Pool<M> {
    pub(crate) fn new(make: M, max: usize) -> Self {
        Self { make, shelf: Arc::new(Shelf::new(max)) }
    }

    /// Lends an item that `tag` used before, if one idles and nobody waits for a place.
    pub(crate) fn take(&self, tag: Option<&Principal>) -> Option<Lease<'_, M::Item>> {
        let (place, item) = self.shelf.take(tag)?;
        Some(Lease::new(item, place))
    }

    /// Lends an item to `tag`: one it used before, or a new one.
    ///
    /// # Errors
    /// [`Unavailable`]; a wait that ends early takes nothing.
    pub(crate) async fn checkout(
        &self,
        tag: Option<&Principal>,
        until: Option<Instant>,
    ) -> Result<Lease<'_, M::Item>, Unavailable<M::Error>> {
        let place = self.shelf.place(until).await?;
        let item = match place.pick(tag) {
            Some(item) => item,
            // Boxed: making one is rare and its future large, and every call would carry it.
            None => {
                let made = Box::pin(self.make.make(tag)).await.map_err(Unavailable::Make)?;
                (tag.cloned(), made)
            }
        };
        Ok(Lease::new(item, place))
    }

    /// Lets go of what idles for `tag`, with everything its guests remember.
    pub(crate) fn forget(&self, tag: &Principal) {
        self.shelf.forget(tag);
    }

    /// Refuses every later checkout, wakes those that wait, and lets idle items go.
    pub(crate) fn close(&self) {
        self.shelf.close();
    }

    /// Closes the pool and waits up to `grace` for the items on loan to come back or be discarded.
    pub(crate) async fn drain(&self, grace: Duration) {
        self.close();
        // What is still out belongs to a call that is being dropped; it discards itself.
        let _ = tokio::time::timeout(grace, self.shelf.all_back()).await;
    }

    /// Lets idle items beyond the warm ones go, coldest first, every half minute until closed.
    pub(crate) fn evict_periodically(&self) -> impl Future<Output = ()> + Send + 'static {
        let shelf = self.shelf.clone();
        async move {
            let mut every = tokio::time::interval(EVICT_EVERY);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            every.tick().await;
            while !shelf.is_closed() {
                every.tick().await;
                shelf.trim(MIN_IDLE);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn idle_len(&self) -> usize {
        self.shelf.idle_len()
    }
}

#[cfg(test)]
mod tests;
