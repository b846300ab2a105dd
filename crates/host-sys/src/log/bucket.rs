//! A token bucket: so much a second, and a burst above it.

use std::time::{Duration, Instant};

/// Refills at `rate` units a second up to `rate × burst`.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    rate: f64,
    most: f64,
    held: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(rate: u64, burst: Duration, now: Instant) -> Self {
        // Exact up to 2^53 units a second, which no log reaches.
        let rate = rate as f64;
        let most = rate * burst.as_secs_f64();
        Self { rate, most, held: most, at: now }
    }

    /// True if `amount` is there now. A later [`Bucket::take`] of the same amount then succeeds.
    pub(super) fn has(&mut self, amount: usize, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        self.held = (self.held + gained).min(self.most);
        self.at = self.at.max(now);
        self.held >= amount as f64
    }

    /// Takes what [`Bucket::has`] found.
    pub(super) fn take(&mut self, amount: usize) {
        self.held -= amount as f64;
    }

    /// True if nothing would be forgotten by making the bucket anew.
    pub(super) fn is_full(&mut self, now: Instant) -> bool {
        self.has(0, now) && self.held >= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_spent_and_comes_back_at_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, Duration::from_secs(5), start);
        let mut spent = 0;
        while bucket.has(1, start) {
            bucket.take(1);
            spent += 1;
        }
        assert_eq!(spent, 50);
        assert!(!bucket.has(1, start + Duration::from_millis(50)));
        assert!(bucket.has(1, start + Duration::from_millis(150)));
        assert!(!bucket.is_full(start + Duration::from_secs(4)));
        assert!(bucket.is_full(start + Duration::from_secs(6)));
    }
}
