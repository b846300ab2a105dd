//! The item that came back last, where the next call finds it without a lock.

use std::sync::atomic::{AtomicBool, Ordering, fence};

use crossbeam_utils::atomic::AtomicCell;

/// Holds one item for whoever takes it first, unless the shelf wants everything in its own hands.
///
/// Whoever puts an item here looks afterwards whether it is wanted, and whoever wants it says so before looking
/// here: one of the two always sees the other.
pub(super) struct Front<B: Send> {
    item: AtomicCell<Option<B>>,
    wanted: AtomicBool,
}

impl<B: Send> Front<B> {
    /// With `wanted` no item is ever left here.
    pub(super) fn new(wanted: bool) -> Self {
        Self { item: AtomicCell::new(None), wanted: AtomicBool::new(wanted) }
    }

    /// Whether everything is to stay in the shelf's hands.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    /// Leaves an item here and gives out what was here before. True: the item may have to be taken away again.
    pub(super) fn put(&self, item: B) -> (Option<B>, bool) {
        let before = self.item.swap(Some(item));
        fence(Ordering::SeqCst);
        (before, self.is_wanted())
    }

    /// Whatever is here.
    pub(super) fn take(&self) -> Option<B> {
        self.item.take()
    }

    /// Says whether items are to stay away. To be followed by [`Front::take`].
    pub(super) fn want(&self, everything: bool) {
        self.wanted.store(everything, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }
}
