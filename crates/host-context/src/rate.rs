//! A token bucket on tokio's clock.

use std::time::Duration;

use tokio::time::Instant;

/// How much a bucket holds: twice a second's worth.
const BURST: Duration = Duration::from_secs(2);

/// Refills steadily and holds twice a second's worth. The rate comes with each take, so that a changed limit
/// counts at once.
#[derive(Debug, Default)]
pub struct TokenBucket {
    /// When it would be full again.
    full_at: Option<Instant>,
}

impl TokenBucket {
    /// Takes one token; false if none is left, and always with a rate of 0.
    pub fn take(&mut self, per_second: u64) -> bool {
        let Some(interval) = 1_000_000_000_u64.checked_div(per_second).map(Duration::from_nanos) else {
            return false;
        };
        let now = Instant::now();
        let next = self.full_at.map_or(now, |at| at.max(now)) + interval;
        // Rates that do not divide a second leave less than a nanosecond each, which must not cost the last token.
        let fits = next - now <= BURST;
        if fits {
            self.full_at = Some(next);
        }
        fits
    }

    /// Whether it is as good as a new one.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full_at.is_none_or(|at| at <= Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_gives_two_seconds_worth_at_once_and_then_its_rate() {
        let mut bucket = TokenBucket::default();
        assert!(bucket.is_full() && !bucket.take(0));
        assert_eq!((0..50).filter(|_| bucket.take(10)).count(), 20);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!((0..50).filter(|_| bucket.take(10)).count(), 5);
        assert!(!bucket.is_full());
        tokio::time::advance(BURST).await;
        assert!(bucket.is_full());
    }
}
