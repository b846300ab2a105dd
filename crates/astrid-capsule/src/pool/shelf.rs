//! Where idle items lie, how many are lent, and who is next.

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::Unavailable;
use super::idle::{Idle, Tagged};

/// One lock, taken once to lend an item and once to take it back as long as there is a place for everybody.
pub(super) struct Shelf<T> {
    max: usize,
    state: Mutex<State<T>>,
    /// Places handed to those that wait, in the order in which they came. Empty while nobody waits.
    handed: Semaphore,
    /// For who waits until all places are free.
    returned: Notify,
}

struct State<T> {
    idle: Idle<T>,
    /// Places that nobody has; none is ever free while somebody waits.
    free: usize,
    waiting: usize,
    closed: bool,
}

/// The right to one item. Dropping it lets the next in line have one.
pub(super) struct Place<'a, T>(&'a Shelf<T>);

/// Counted among those that wait, until dropped.
struct Waiting<'a, T>(&'a Shelf<T>);

impl<T> Shelf<T> {
    pub(super) fn new(max: usize) -> Self {
        let state = State { idle: Idle::default(), free: max, waiting: 0, closed: false };
        Self { max, state: Mutex::new(state), handed: Semaphore::new(0), returned: Notify::new() }
    }

    /// An item of `tag` with a place, if both are there at once.
    pub(super) fn take(&self, tag: Option<&Principal>) -> Option<(Place<'_, T>, Tagged<T>)> {
        let mut state = self.state.lock();
        if state.closed || state.free == 0 {
            return None;
        }
        let item = state.idle.take_for(tag)?;
        state.free -= 1;
        Some((Place(self), item))
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
        let acquire = self.handed.acquire();
        let handed = match until {
            Some(at) => tokio::time::timeout_at(at, acquire).await.map_err(|_| Unavailable::Timeout)?,
            None => acquire.await,
        };
        handed.map_err(|_| Unavailable::Closed)?.forget();
        Ok(Place(self))
    }

    pub(super) fn forget(&self, tag: &Principal) {
        let forgotten = self.state.lock().idle.take_all(tag);
        drop(forgotten);
    }

    /// Lets the coldest idle items go until at most `keep` are left.
    pub(super) fn trim(&self, keep: usize) {
        let surplus = self.state.lock().idle.trim_cold(keep);
        drop(surplus);
    }

    pub(super) fn close(&self) {
        let idle = {
            let mut state = self.state.lock();
            state.closed = true;
            state.idle.trim_cold(0)
        };
        self.handed.close();
        drop(idle);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Waits until no place is taken. For one at a time, on a closed shelf.
    pub(super) async fn all_back(&self) {
        while self.state.lock().free + self.handed.available_permits() < self.max {
            self.returned.notified().await;
        }
    }

    #[cfg(test)]
    pub(super) fn idle_len(&self) -> usize {
        self.state.lock().idle.len()
    }
}

impl<T> Place<'_, T> {
    /// An item of `tag`, if one idles. If none does, the coldest go until one more fits.
    pub(super) fn pick(&self, tag: Option<&Principal>) -> Option<Tagged<T>> {
        let mut state = self.0.state.lock();
        let found = state.idle.take_for(tag);
        if found.is_none() {
            // Lent and idle items together stay within the bound.
            let keep = state.free;
            let surplus = state.idle.trim_cold(keep);
            drop(state);
            drop(surplus);
        }
        found
    }

    /// Gives the place back together with an item that may be used again.
    pub(super) fn give_back(self, item: Tagged<T>) {
        let mut state = self.0.state.lock();
        // A shelf that was closed meanwhile keeps nothing.
        let refused = if state.closed {
            Some(item)
        } else {
            state.idle.put(item);
            None
        };
        self.0.release(&mut state);
        drop(state);
        drop(refused);
        std::mem::forget(self);
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
            self.returned.notify_one();
        }
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        self.0.release(&mut self.0.state.lock());
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
            self.0.returned.notify_one();
        }
    }
}
