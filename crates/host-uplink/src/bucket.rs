//! A token bucket on tokio's clock.

use std::time::Duration;

use tokio::time::Instant;

/// Refills steadily and holds twice a second's worth.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// When it would be full again.
    full_at: Option<Instant>,
}

impl Bucket {
    /// Takes one token; false if none is left.
    pub(crate) fn take(&mut self, per_second: u64) -> bool {
        let Some(interval) = 1_000_000_000_u64.checked_div(per_second).map(Duration::from_nanos) else {
            return false;
        };
        let now = Instant::now();
        let next = self.full_at.map_or(now, |at| at.max(now)) + interval;
        // Rates that do not divide a second leave less than a nanosecond each, which must not cost the last token.
        let burst = Duration::from_secs(2);
        let fits = next - now <= burst;
        if fits {
            self.full_at = Some(next);
        }
        fits
    }
}
