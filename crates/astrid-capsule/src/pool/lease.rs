//! An item on loan.

use std::sync::Arc;

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::idle::Idle;

/// One item for one call. Dropping it discards the item, which is right after a trap, a
/// cancellation or a lost future; [`Lease::give_back`] keeps it for the same principal's next call.
pub(crate) struct Lease<T> {
    item: Option<T>,
    tag: Option<Principal>,
    idle: Arc<Mutex<Idle<T>>>,
    // These two in this order: the next waiter is woken after the item is back or gone, and who waits
    // for the pool to drain after the permit is.
    permit: OwnedSemaphorePermit,
    _returned: Returned,
}

impl<T> Lease<T> {
    pub(super) fn new(
        item: T,
        tag: Option<Principal>,
        idle: Arc<Mutex<Idle<T>>>,
        permit: OwnedSemaphorePermit,
        returned: Arc<Notify>,
    ) -> Self {
        Self { item: Some(item), tag, idle, permit, _returned: Returned(returned) }
    }

    /// The item; `None` never happens between checkout and return.
    pub(crate) fn item(&mut self) -> Option<&mut T> {
        self.item.as_mut()
    }

    /// Returns an item that is clean enough for the same principal's next call.
    pub(crate) fn give_back(mut self) {
        let Some(item) = self.item.take() else { return };
        // A pool that was closed meanwhile keeps nothing.
        if !self.closed() {
            self.idle.lock().put(self.tag.take(), item);
        }
    }

    fn closed(&self) -> bool {
        self.permit.semaphore().is_closed()
    }
}

struct Returned(Arc<Notify>);

impl Drop for Returned {
    fn drop(&mut self) {
        // One permit is stored for a drain that has looked and not yet waited.
        self.0.notify_one();
    }
}
