//! Where idle items lie, how many are lent, and who is next.

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::idle::{Idle, Tagged};
use super::{Unavailable, before};

/// One lock, taken once to lend an item and once to take it back as long as there is a place for everybody.
pub(super) struct Shelf<T> {
    max: usize,
    /// Whether it matters since when an item idles.
    dated: bool,
    state: Mutex<State<T>>,
    /// Places handed to those that wait, in the order in which they came. Empty while nobody waits.
    handed: Semaphore,
    /// For who waits until all places are free.
    drained: Notify,
    /// For those that found no room; they are woken when an item comes back or is gone.
    returned: Notify,
}

struct State<T> {
    idle: Idle<T>,
    /// Places that nobody has; none is ever free while somebody waits.
    free: usize,
    waiting: usize,
    closed: bool,
    /// Places with an item, or for which one is being made.
    lent: usize,
    /// Whether anybody ever found no room.
    crowded: bool,
}

/// What a place was good for.
pub(super) enum Picked<'a, T> {
    /// An item that idled.
    Item(Tagged<T>, Loan<'a, T>),
    /// A new item.
    Room(Loan<'a, T>),
    /// Nothing yet: all that idle must stay, and one that is lent may be free to go when it comes back.
    Later(Notified<'a>),
    /// Nothing ever: all that there are must stay.
    Never,
}

/// The right to one item. Dropping it lets the next in line have one.
pub(super) struct Place<'a, T>(&'a Shelf<T>);

/// A place with an item, or for which one is being made. Dropping it says that the item is gone.
pub(super) struct Loan<'a, T>(&'a Shelf<T>);

/// Counted among those that wait, until dropped.
pub(super) struct Waiting<'a, T>(&'a Shelf<T>);

impl<T> Shelf<T> {
    pub(super) fn new(max: usize, dated: bool) -> Self {
        let state =
            State { idle: Idle::default(), free: max, waiting: 0, closed: false, lent: 0, crowded: false };
        let (handed, drained, returned) = (Semaphore::new(0), Notify::new(), Notify::new());
        Self { max, dated, state: Mutex::new(state), handed, drained, returned }
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// An item of `tag` with a place, if both are there at once.
    pub(super) fn take(&self, tag: Option<&Principal>) -> Option<(Tagged<T>, Loan<'_, T>)> {
        let mut state = self.state.lock();
        if state.closed || state.free == 0 {
            return None;
        }
        let item = state.idle.take_for(tag)?;
        state.free -= 1;
        state.lent += 1;
        Some((item, Loan(self)))
    }

    /// A place, after those that came before.
    pub(super) async fn place<E>(&self, until: Option<Instant>) -> Result<Place<'_, T>, Unavailable<E>> {
        let _waiting = {
            let mut state = self.state.lock();
            if state.closed {
                return Err(Unavailable::Closed);
            }
            if state.free > 0 {
                state.free -= 1;
                return Ok(Place(self));
            }
            state.waiting += 1;
            Waiting(self)
        };
        before(until, self.handed(1)).await?.ok_or(Unavailable::Closed)?;
        Ok(Place(self))
    }

    /// So many of the places that are handed to those that wait, after those that asked before; `None` on a
    /// closed shelf.
    pub(super) async fn handed(&self, places: usize) -> Option<usize> {
        let many = u32::try_from(places).unwrap_or(u32::MAX);
        self.handed.acquire_many(many).await.ok()?.forget();
        Some(places)
    }

    /// Every place that is free, and one more in the line for what else is needed; `None` on a closed shelf.
    pub(super) fn take_free(&self) -> Option<(usize, Waiting<'_, T>)> {
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        state.waiting += 1;
        Some((std::mem::take(&mut state.free), Waiting(self)))
    }

    pub(super) fn give_back_places(&self, places: usize) {
        let mut state = self.state.lock();
        for _ in 0..places {
            self.release(&mut state);
        }
    }

    pub(super) fn forget(&self, tag: &Principal) {
        let forgotten = self.state.lock().idle.take_all(tag);
        drop(forgotten);
    }

    /// Lets the coldest idle items that may go do so until at most `keep` are left.
    pub(super) fn trim(&self, keep: usize, pinned: impl Fn(&T) -> bool) {
        let surplus = self.state.lock().idle.trim_cold(keep, pinned);
        drop(surplus);
    }

    /// Lets go what may go and was not used since then.
    pub(super) fn trim_unused_since(&self, then: Instant, pinned: impl Fn(&T) -> bool) {
        let unused = self.state.lock().idle.take_unused_since(then, pinned);
        drop(unused);
    }

    pub(super) fn close(&self) {
        let idle = {
            let mut state = self.state.lock();
            state.closed = true;
            state.idle.trim_cold(0, |_| false)
        };
        self.handed.close();
        self.returned.notify_waiters();
        drop(idle);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Waits until no place is taken. For one at a time, on a closed shelf.
    pub(super) async fn all_back(&self) {
        while self.state.lock().free + self.handed.available_permits() < self.max {
            self.drained.notified().await;
        }
    }

    #[cfg(test)]
    pub(super) fn idle_len(&self) -> usize {
        self.state.lock().idle.len()
    }
}

impl<'a, T> Place<'a, T> {
    /// An item of `tag`, if one idles. If none does, the coldest that may go do so until one more fits.
    pub(super) fn pick(self, tag: Option<&Principal>, pinned: impl Fn(&T) -> bool) -> Picked<'a, T> {
        let shelf = self.0;
        let mut state = shelf.state.lock();
        if let Some(item) = state.idle.take_for(tag) {
            return Picked::Item(item, self.lend(&mut state));
        }
        // Lent and idle items together stay within the bound.
        let keep = state.free;
        let surplus = state.idle.trim_cold(keep, pinned);
        let fits = state.idle.len() <= keep;
        let picked = match (fits, state.lent) {
            (true, _) => Picked::Room(self.lend(&mut state)),
            (false, 0) => Picked::Never,
            (false, _) => {
                state.crowded = true;
                // Made under the lock, so that no return is missed.
                Picked::Later(shelf.returned.notified())
            }
        };
        drop(state);
        drop(surplus);
        picked
    }

    fn lend(self, state: &mut State<T>) -> Loan<'a, T> {
        state.lent += 1;
        let loan = Loan(self.0);
        std::mem::forget(self);
        loan
    }
}

impl<T> Loan<'_, T> {
    /// Gives the place back together with an item that may be used again.
    pub(super) fn give_back(self, item: Tagged<T>) {
        let since = self.0.dated.then(Instant::now);
        let mut state = self.0.state.lock();
        // A shelf that was closed meanwhile keeps nothing.
        let refused = if state.closed {
            Some(item)
        } else {
            state.idle.put(item, since);
            None
        };
        self.end(&mut state);
        drop(state);
        drop(refused);
        std::mem::forget(self);
    }

    fn end(&self, state: &mut State<T>) {
        self.0.release(state);
        state.lent -= 1;
        if state.crowded {
            self.0.returned.notify_waiters();
        }
    }
}

impl<T> Shelf<T> {
    fn release(&self, state: &mut State<T>) {
        if state.waiting > 0 {
            // Under the lock, so that whoever stops waiting now finds it there.
            self.handed.add_permits(1);
        } else {
            state.free += 1;
        }
        if state.closed {
            // One is stored for a drain that has looked and not yet waited.
            self.drained.notify_one();
        }
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        self.0.release(&mut self.0.state.lock());
    }
}

impl<T> Drop for Loan<'_, T> {
    fn drop(&mut self) {
        self.end(&mut self.0.state.lock());
    }
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.waiting -= 1;
        if state.waiting == 0 {
            // What was handed to those that went away.
            state.free += self.0.handed.forget_permits(self.0.max);
        }
        if state.closed {
            self.0.drained.notify_one();
        }
    }
}
