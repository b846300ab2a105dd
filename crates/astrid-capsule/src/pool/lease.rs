//! An item on loan.

use tokio::sync::OwnedSemaphorePermit;

use super::idle::Tagged;
use super::shelf::Loan;

/// One item for one call. Dropping it discards the item, which is right after a trap, a
/// cancellation or a lost future; [`Lease::give_back`] keeps it for the same principal's next call.
pub(crate) struct Lease<'a, T: Send> {
    // In this order: the next waiter is woken after the item is gone.
    item: Tagged<T>,
    loan: Loan<'a, T>,
    /// The principal's turn, where its calls are served one by one. Boxed, because every call carries this
    /// and few have one.
    turn: Option<Box<OwnedSemaphorePermit>>,
}

impl<'a, T: Send> Lease<'a, T> {
    pub(super) fn new(item: Tagged<T>, loan: Loan<'a, T>, turn: Option<Box<OwnedSemaphorePermit>>) -> Self {
        Self { item, loan, turn }
    }

    pub(crate) fn item(&mut self) -> &mut T {
        &mut self.item.1
    }

    /// Returns an item that is clean enough for the same principal's next call.
    pub(crate) fn give_back(self) {
        let Self { item, loan, turn } = self;
        loan.give_back(item);
        drop(turn);
    }
}
