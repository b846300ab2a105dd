//! An item on loan.

use tokio::sync::OwnedSemaphorePermit;

use super::idle::Tagged;
use super::shelf::Place;

/// One item for one call. Dropping it discards the item, which is right after a trap, a
/// cancellation or a lost future; [`Lease::give_back`] keeps it for the same principal's next call.
pub(crate) struct Lease<'a, T> {
    // In this order: the next waiter is woken after the item is gone.
    item: Tagged<T>,
    place: Place<'a, T>,
    /// The principal's turn, where its calls are served one by one.
    turn: Option<OwnedSemaphorePermit>,
}

impl<'a, T> Lease<'a, T> {
    pub(super) fn new(item: Tagged<T>, place: Place<'a, T>, turn: Option<OwnedSemaphorePermit>) -> Self {
        Self { item, place, turn }
    }

    pub(crate) fn item(&mut self) -> &mut T {
        &mut self.item.1
    }

    /// Returns an item that is clean enough for the same principal's next call.
    pub(crate) fn give_back(self) {
        let Self { item, place, turn } = self;
        place.give_back(item);
        drop(turn);
    }
}
