//! Having every place of a shelf.

use std::sync::Arc;

use tokio::time::Instant;

use super::shelf::Shelf;
use super::{Unavailable, before};

/// All places of a shelf, or while it is still waiting for some, those it has. Dropping it gives them back.
pub(crate) struct AllPlaces<T: Send> {
    shelf: Arc<Shelf<T>>,
    places: usize,
}

impl<T: Send> AllPlaces<T> {
    /// Takes every place: those that are free at once, and each of the others before anybody who comes later.
    pub(super) async fn of<E>(shelf: &Arc<Shelf<T>>, until: Option<Instant>) -> Result<Self, Unavailable<E>> {
        let (free, waiting) = shelf.take_free().ok_or(Unavailable::Closed)?;
        let mut all = Self { shelf: shelf.clone(), places: free };
        let rest = shelf.max().saturating_sub(free);
        let handed = before(until, shelf.handed(rest)).await?.ok_or(Unavailable::Closed);
        // Only now: until the places are counted here they are in the line.
        all.places += handed?;
        drop(waiting);
        Ok(all)
    }
}

impl<T: Send> Drop for AllPlaces<T> {
    fn drop(&mut self) {
        self.shelf.give_back_places(self.places);
    }
}
