//! How many entries a volume holds, kept as they come and go.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::fault::Fault;

/// Entries below a root, and how many there may be. Starts at zero: a scan adds what was there.
#[derive(Debug)]
pub(super) struct Ledger {
    entries: AtomicU64,
    limit: u64,
}

impl Ledger {
    pub(super) fn new(limit: u64) -> Self {
        Self { entries: AtomicU64::new(0), limit }
    }

    /// Takes a place for one entry that is about to be made. It goes back unless [`Share::keep`] is called.
    pub(super) fn take(&self) -> Result<Share<'_>, Fault> {
        let next = |now: u64| now.checked_add(1).filter(|next| *next <= self.limit);
        self.entries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_err(|_| Fault::Quota)?;
        Ok(Share(Some(self)))
    }

    /// Counts what a scan found.
    pub(super) fn found(&self, entries: u64) {
        self.entries.fetch_add(entries, Ordering::Relaxed);
    }

    /// Gives back the places of entries that are gone.
    pub(super) fn gone(&self, entries: u64) {
        let less = |now: u64| Some(now.saturating_sub(entries));
        // Never fails: the closure always gives a value.
        let _ = self.entries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

/// A place for one entry.
#[derive(Debug)]
pub(super) struct Share<'a>(Option<&'a Ledger>);

impl Share<'_> {
    /// A place on a volume that does not count.
    pub(super) fn free() -> Self {
        Share(None)
    }

    /// The entry was made.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if let Some(ledger) = self.0 {
            ledger.gone(1);
        }
    }
}
