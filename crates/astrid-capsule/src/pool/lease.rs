//! An item on loan.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::idle::Idle;

/// One item for one call. Dropping it discards the item, which is right after a trap, a
/// cancellation or a lost future; [`Lease::give_back`] keeps it for the same principal's next call.
pub(crate) struct Lease<T> {
    pub(super) item: Option<T>,
    pub(super) tag: Option<Principal>,
    pub(super) idle: Arc<Mutex<Idle<T>>>,
    // These in this order: the next waiter is woken after the item is back or gone, and who waits for the
    // pool to drain after the permit is.
    pub(super) permit: OwnedSemaphorePermit,
    pub(super) _loan: Loan,
    /// The principal's turn, where its calls are served one by one.
    pub(super) _turn: Option<OwnedSemaphorePermit>,
}

impl<T> Lease<T> {
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

/// How many items are lent, and word of each that comes back.
#[derive(Default)]
pub(super) struct Loans {
    out: AtomicUsize,
    /// For the one who drains the pool; one word is stored for it if it has looked and does not wait yet.
    pub(super) drained: Notify,
    /// For those who wait for room.
    pub(super) returned: Arc<Notify>,
}

impl Loans {
    pub(super) fn begin(self: &Arc<Self>) -> Loan {
        self.out.fetch_add(1, Ordering::SeqCst);
        Loan(self.clone())
    }

    pub(super) fn none(&self) -> bool {
        self.out.load(Ordering::SeqCst) == 0
    }
}

/// One item that is lent, or about to be.
pub(super) struct Loan(Arc<Loans>);

impl Drop for Loan {
    fn drop(&mut self) {
        self.0.out.fetch_sub(1, Ordering::SeqCst);
        self.0.drained.notify_one();
        self.0.returned.notify_waiters();
    }
}
