//! Instances of one capsule, lent one call at a time, each only ever to one principal.
//!
//! The pool knows no wasmtime: it lends what [`Make`] makes. Fairness comes from the line in
//! `shelf.rs`; isolation from the tag, which an instance keeps after its first call, so that guest
//! memory never carries from one principal to another.

mod exclusive;
mod front;
mod idle;
mod lease;
mod shelf;
mod turns;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::Principal;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

pub(crate) use exclusive::AllPlaces;
pub(crate) use lease::Lease;
use shelf::{Picked, Shelf};
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

/// Lends at most `max` items at once and keeps at most that many.
pub(crate) struct Pool<M: Make> {
    make: M,
    /// In [`Mode::Sticky`].
    turns: Option<Turns>,
    shelf: Arc<Shelf<M::Item>>,
}

impl<M: Make> Pool<M> {
    pub(crate) fn new(make: M, max: usize, mode: Mode) -> Self {
        let sticky = mode == Mode::Sticky;
        Self { make, turns: sticky.then(Turns::default), shelf: Arc::new(Shelf::new(max, sticky)) }
    }

    /// Lends an item that `tag` used before, if one idles and nobody waits for a place.
    pub(crate) fn take(&self, tag: Option<&Principal>) -> Option<Lease<'_, M::Item>> {
        let turn = match &self.turns {
            Some(turns) => Some(Box::new(turns.of(tag).try_acquire_owned().ok()?)),
            None => None,
        };
        let (item, loan) = self.shelf.take(tag)?;
        Some(Lease::new(item, loan, turn))
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
        let turn = self.turn(tag, until).await?;
        loop {
            let (item, loan) = match self.shelf.place(until).await?.pick(tag, M::pinned) {
                Picked::Item(item, loan) => (item, loan),
                Picked::Room(loan) => {
                    // Boxed: making one is rare and its future large, and every call would carry it.
                    let made = Box::pin(self.make.make(tag)).await.map_err(Unavailable::Make)?;
                    (Box::new((tag.cloned(), made)), loan)
                }
                Picked::Later(returned) => {
                    before(until, returned).await?;
                    continue;
                }
                Picked::Never => return Err(Unavailable::Limit),
            };
            return Ok(Lease::new(item, loan, turn));
        }
    }

    /// Waits until nothing is lent and lends nothing until the guard is dropped.
    ///
    /// # Errors
    /// [`Unavailable::Timeout`] or [`Unavailable::Closed`].
    pub(crate) async fn exclusive(
        &self,
        until: Option<Instant>,
    ) -> Result<AllPlaces<M::Item>, Unavailable<M::Error>> {
        AllPlaces::of(&self.shelf, until).await
    }

    /// Lets go of what idles for `tag`, with everything its guests remember.
    pub(crate) fn forget(&self, tag: &Principal) {
        self.shelf.forget(tag);
    }

    /// Refuses every later checkout, wakes those that wait, and lets idle items go.
    pub(crate) fn close(&self) {
        self.shelf.close();
        if let Some(turns) = &self.turns {
            turns.close();
        }
    }

    /// Closes the pool and waits up to `grace` for the items on loan to come back or be discarded.
    pub(crate) async fn drain(&self, grace: Duration) {
        self.close();
        // What is still out belongs to a call that is being dropped; it discards itself.
        let _ = tokio::time::timeout(grace, self.shelf.all_back()).await;
    }

    /// Lets idle items go every half minute until closed: the coldest beyond the warm ones, or where each
    /// principal has its one, what was not used for half an hour.
    pub(crate) fn evict_periodically(&self) -> impl Future<Output = ()> + Send + 'static {
        let (shelf, sticky) = (self.shelf.clone(), self.turns.is_some());
        async move {
            let mut every = tokio::time::interval(EVICT_EVERY);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            every.tick().await;
            while !shelf.is_closed() {
                let now = every.tick().await;
                match (sticky, now.checked_sub(STICKY_IDLE)) {
                    (false, _) => shelf.trim(MIN_IDLE, M::pinned),
                    (true, Some(then)) => shelf.trim_unused_since(then, M::pinned),
                    (true, None) => {}
                }
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn idle_len(&self) -> usize {
        self.shelf.idle_len()
    }

    async fn turn(
        &self,
        tag: Option<&Principal>,
        until: Option<Instant>,
    ) -> Result<Option<Box<OwnedSemaphorePermit>>, Unavailable<M::Error>> {
        let Some(turns) = &self.turns else { return Ok(None) };
        let turn = before(until, turns.of(tag).acquire_owned()).await?;
        turn.map(|turn| Some(Box::new(turn))).map_err(|_| Unavailable::Closed)
    }
}

/// The wait's outcome, if it has one until then.
async fn before<T, E>(until: Option<Instant>, wait: impl Future<Output = T>) -> Result<T, Unavailable<E>> {
    match until {
        Some(at) => timeout_at(at, wait).await.map_err(|_| Unavailable::Timeout),
        None => Ok(wait.await),
    }
}

#[cfg(test)]
mod tests;
