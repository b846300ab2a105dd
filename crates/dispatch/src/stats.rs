//! What a dispatcher holds and did.

use std::sync::atomic::{AtomicU64, Ordering};

/// Levels now, totals since the dispatcher was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Capsules that handle events.
    pub capsules: usize,
    /// Queues, one a (capsule, principal).
    pub queues: usize,
    /// Events that wait in them, those of [`Stats::late`] included.
    pub queued: usize,
    /// Events of the host that wait for room in a full queue.
    pub late: usize,
    /// Their accounted bytes.
    pub late_bytes: usize,
    /// Principals that execute something.
    pub principals: usize,
    /// Handlers started.
    pub handled: u64,
    /// Handlers that refused.
    pub denied: u64,
    /// Events that did not reach a handler.
    pub dropped: u64,
    /// Those of them that were dropped because too many waited.
    pub lagged: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    handled: AtomicU64,
    denied: AtomicU64,
    dropped: AtomicU64,
    lagged: AtomicU64,
}

impl Counters {
    pub(crate) fn handle(&self) {
        self.handled.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn deny(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn lag(&self, lost: u64) {
        self.lagged.fetch_add(lost, Ordering::Relaxed);
    }

    pub(crate) fn fill(&self, stats: &mut Stats) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        stats.handled = read(&self.handled);
        stats.denied = read(&self.denied);
        stats.dropped = read(&self.dropped);
        stats.lagged = read(&self.lagged);
    }
}
