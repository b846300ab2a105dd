//! The two clocks, without a lock and without an allocation.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How finely guests see time, in nanoseconds; 1 shows all of it. A coarser clock makes timing
/// attacks between capsules harder and measurements blurrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution(u64);

impl Resolution {
    /// A resolution of `nanos`; 0 counts as 1.
    #[must_use]
    pub const fn nanos(nanos: u64) -> Self {
        Self(if nanos == 0 { 1 } else { nanos })
    }

    fn cut(self, nanos: u64) -> u64 {
        nanos - nanos % self.0
    }
}

impl Default for Resolution {
    fn default() -> Self {
        Self(1)
    }
}

/// Milliseconds since the epoch; 0 for a clock before it.
#[must_use]
pub fn wall_ms(resolution: Resolution) -> u64 {
    wall_ms_at(SystemTime::now(), resolution)
}

pub(crate) fn wall_ms_at(now: SystemTime, resolution: Resolution) -> u64 {
    let nanos = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    resolution.cut(u64::try_from(nanos).unwrap_or(u64::MAX)) / 1_000_000
}

/// Nanoseconds since the process first asked; never decreases, in any thread.
#[must_use]
pub fn monotonic_ns(resolution: Resolution) -> u64 {
    static ANCHOR: OnceLock<Instant> = OnceLock::new();
    let since = ANCHOR.get_or_init(Instant::now).elapsed();
    resolution.cut(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    // sys case 25
    #[test]
    fn a_clock_before_the_epoch_reads_zero() {
        assert_eq!(wall_ms_at(UNIX_EPOCH - Duration::from_secs(1), Resolution::default()), 0);
        assert_eq!(wall_ms_at(UNIX_EPOCH + Duration::from_millis(7), Resolution::default()), 7);
    }

    #[test]
    fn a_coarse_clock_moves_in_steps() {
        let coarse = Resolution::nanos(10_000_000);
        assert_eq!(wall_ms_at(UNIX_EPOCH + Duration::from_millis(27), coarse), 20);
        assert_eq!(monotonic_ns(coarse) % 10_000_000, 0);
    }
}
