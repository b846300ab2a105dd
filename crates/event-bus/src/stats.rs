//! What a bus did, in totals.

use std::sync::atomic::{AtomicU64, Ordering};

/// Totals since the bus was made. Labels by capsule and class of principal are the embedder's, who
/// knows which of them are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Publications that got a sequence number.
    pub published: u64,
    /// Messages put into subscriptions' queues.
    pub delivered: u64,
    /// Messages evicted from queues to make room.
    pub evicted: u64,
    /// Targets left out because a publication had too many.
    pub capped: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    published: AtomicU64,
    delivered: AtomicU64,
    evicted: AtomicU64,
    capped: AtomicU64,
}

impl Counters {
    /// Adds one publication.
    pub(crate) fn add(&self, delivered: usize, evicted: u64, capped: usize) {
        let add = |counter: &AtomicU64, n: u64| {
            if n > 0 {
                counter.fetch_add(n, Ordering::Relaxed);
            }
        };
        add(&self.published, 1);
        add(&self.delivered, u64::try_from(delivered).unwrap_or(u64::MAX));
        add(&self.evicted, evicted);
        add(&self.capped, u64::try_from(capped).unwrap_or(u64::MAX));
    }

    pub(crate) fn read(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            published: read(&self.published),
            delivered: read(&self.delivered),
            evicted: read(&self.evicted),
            capped: read(&self.capped),
        }
    }
}
