//! Where idle items lie, how many are lent, and who is next.

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::front::Front;
use super::idle::{Idle, Tagged};
use super::{Unavailable, before};

/// As long as there is a place for everybody, the item that came back last lies in front and is lent and taken back
/// without a lock. It keeps its place and counts as lent there; whoever looks at the state takes it in first.
pub(super) struct Shelf<T: Send> {
    max: usize,
    front: Front<Tagged<T>>,
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
pub(super) enum Picked<'a, T: Send> {
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
pub(super) struct Place<'a, T: Send>(&'a Shelf<T>);

/// A place with an item, or for which one is being made. Dropping it says that the item is gone.
pub(super) struct Loan<'a, T: Send>(&'a Shelf<T>);

/// Counted among those that wait, until dropped.
pub(super) struct Waiting<'a, T: Send>(&'a Shelf<T>);

impl<T: Send> Shelf<T> {
    pub(super) fn new(max: usize, dated: bool) -> Self {
        let state =
            State { idle: Idle::default(), free: max, waiting: 0, closed: false, lent: 0, crowded: false };
        let (handed, drained, returned) = (Semaphore::new(0), Notify::new(), Notify::new());
        // What lies in front has no date.
        Self { max, front: Front::new(dated), dated, state: Mutex::new(state), handed, drained, returned }
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// An item of `tag` with a place, if both are there at once.
    pub(super) fn take(&self, tag: Option<&Principal>) -> Option<(Tagged<T>, Loan<'_, T>)> {
        let item = if self.front.is_wanted() { None } else { self.front.take() };
        match item {
            Some(item) if item.0.as_ref() == tag => return Some((item, Loan(self))),
            Some(others) => self.take_in(Some(others)),
            None => {}
        }
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
            self.clear_front(&mut state, &mut Vec::new());
            if state.free > 0 {
                state.free -= 1;
                return Ok(Place(self));
            }
            self.wait(&mut state)
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
        let waiting = self.wait(&mut state);
        Some((std::mem::take(&mut state.free), waiting))
    }

    pub(super) fn give_back_places(&self, places: usize) {
        let mut state = self.state.lock();
        for _ in 0..places {
            self.release(&mut state);
        }
    }

    pub(super) fn forget(&self, tag: &Principal) {
        let forgotten = self.inspect(|state| state.idle.take_all(tag));
        drop(forgotten);
    }

    /// Lets the coldest idle items that may go do so until at most `keep` are left.
    pub(super) fn trim(&self, keep: usize, pinned: impl Fn(&T) -> bool) {
        let surplus = self.inspect(|state| state.idle.trim_cold(keep, pinned));
        drop(surplus);
    }

    /// Lets go what may go and was not used since then.
    pub(super) fn trim_unused_since(&self, then: Instant, pinned: impl Fn(&T) -> bool) {
        let unused = self.inspect(|state| state.idle.take_unused_since(then, pinned));
        drop(unused);
    }

    pub(super) fn close(&self) {
        let idle = {
            let mut state = self.state.lock();
            self.front.want(true);
            // Before it is closed, so that what lay there is let go with the others.
            self.clear_front(&mut state, &mut Vec::new());
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
        self.inspect(|state| state.idle.len())
    }
}

impl<'a, T: Send> Place<'a, T> {
    /// An item of `tag`, if one idles. If none does, the coldest that may go do so until one more fits.
    pub(super) fn pick(self, tag: Option<&Principal>, pinned: impl Fn(&T) -> bool) -> Picked<'a, T> {
        let shelf = self.0;
        // Dropped after the lock.
        let mut gone = Vec::new();
        let mut state = shelf.state.lock();
        shelf.clear_front(&mut state, &mut gone);
        loop {
            if let Some(item) = state.idle.take_for(tag) {
                return Picked::Item(item, self.lend(&mut state));
            }
            // Lent and idle items together stay within the bound.
            let keep = state.free;
            gone.extend(state.idle.trim_cold(keep, &pinned));
            let fits = state.idle.len() <= keep;
            return match (fits, state.lent) {
                (true, _) => Picked::Room(self.lend(&mut state)),
                (false, 0) => Picked::Never,
                (false, _) if state.crowded => {
                    // Made under the lock, so that no return is missed.
                    Picked::Later(shelf.returned.notified())
                }
                (false, _) => {
                    // From now on every item comes back to the state; one may have come back to the front.
                    state.crowded = true;
                    shelf.front.want(true);
                    shelf.clear_front(&mut state, &mut gone);
                    continue;
                }
            };
        }
    }

    fn lend(self, state: &mut State<T>) -> Loan<'a, T> {
        state.lent += 1;
        let loan = Loan(self.0);
        std::mem::forget(self);
        loan
    }
}

impl<T: Send> Loan<'_, T> {
    /// Gives the place back together with an item that may be used again.
    pub(super) fn give_back(self, item: Tagged<T>) {
        let shelf = self.0;
        // The item has the place from here on, in front or wherever it is taken in.
        std::mem::forget(self);
        if shelf.front.is_wanted() {
            return shelf.take_in(Some(item));
        }
        let (before, wanted) = shelf.front.put(item);
        if before.is_some() || wanted {
            shelf.take_in(before);
        }
    }
}

impl<T: Send> Shelf<T> {
    /// Makes an item that has a place idle, and what lies in front if that may not be there.
    fn take_in(&self, item: Option<Tagged<T>>) {
        let since = self.dated.then(Instant::now);
        // Dropped after the lock.
        let mut gone = Vec::new();
        let mut state = self.state.lock();
        if let Some(item) = item {
            self.lay_down(&mut state, item, since, &mut gone);
        }
        if self.front.is_wanted() {
            self.clear_front(&mut state, &mut gone);
        }
    }

    /// Makes idle what lies in front.
    fn clear_front(&self, state: &mut State<T>, gone: &mut Vec<Tagged<T>>) {
        if let Some(item) = self.front.take() {
            self.lay_down(state, item, None, gone);
        }
    }

    fn lay_down(
        &self,
        state: &mut State<T>,
        item: Tagged<T>,
        since: Option<Instant>,
        gone: &mut Vec<Tagged<T>>,
    ) {
        // A shelf that was closed meanwhile keeps nothing.
        match state.closed {
            true => gone.push(item),
            false => state.idle.put(item, since),
        }
        self.ended(state);
    }

    /// With all that idles in the state.
    fn inspect<R>(&self, look: impl FnOnce(&mut State<T>) -> R) -> R {
        // Dropped after the lock.
        let mut gone = Vec::new();
        let mut state = self.state.lock();
        self.clear_front(&mut state, &mut gone);
        look(&mut state)
    }

    fn wait(&self, state: &mut State<T>) -> Waiting<'_, T> {
        state.waiting += 1;
        self.front.want(true);
        let mut gone = Vec::new();
        self.clear_front(state, &mut gone);
        Waiting(self)
    }

    fn ended(&self, state: &mut State<T>) {
        self.release(state);
        state.lent -= 1;
        if state.crowded {
            self.returned.notify_waiters();
        }
    }

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

impl<T: Send> Drop for Place<'_, T> {
    fn drop(&mut self) {
        self.0.release(&mut self.0.state.lock());
    }
}

impl<T: Send> Drop for Loan<'_, T> {
    fn drop(&mut self) {
        self.0.ended(&mut self.0.state.lock());
    }
}

impl<T: Send> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.waiting -= 1;
        if state.waiting == 0 {
            // What was handed to those that went away.
            state.free += self.0.handed.forget_permits(self.0.max);
            self.0.front.want(self.0.dated || state.crowded || state.closed);
        }
        if state.closed {
            self.0.drained.notify_one();
        }
    }
}
