//! How fast one capsule may log for one principal.

use std::time::SystemTime;

use super::LogSettings;

/// Lines and bytes that may still be logged, refilled by the times of the lines themselves.
#[derive(Debug)]
pub(super) struct Rate {
    lines: f64,
    bytes: f64,
    at: SystemTime,
}

impl Rate {
    /// A full allowance.
    pub(super) fn new(settings: &LogSettings, at: SystemTime) -> Self {
        let burst = settings.burst.as_secs_f64();
        let (lines, bytes) = (f64::from(settings.lines_per_second), f64::from(settings.bytes_per_second));
        Self { lines: lines * burst, bytes: bytes * burst, at }
    }

    /// Whether a message of `bytes` is within the allowance; takes it if so.
    pub(super) fn take(&mut self, settings: &LogSettings, bytes: usize, at: SystemTime) -> bool {
        let full = Self::new(settings, at);
        // A wall clock that was set back gives nothing and takes nothing.
        let passed = at.duration_since(self.at).unwrap_or_default().as_secs_f64();
        self.lines = full.lines.min(self.lines + passed * f64::from(settings.lines_per_second));
        self.bytes = full.bytes.min(self.bytes + passed * f64::from(settings.bytes_per_second));
        self.at = at;
        let bytes = bytes as f64;
        let within = self.lines >= 1.0 && self.bytes >= bytes;
        if within {
            self.lines -= 1.0;
            self.bytes -= bytes;
        }
        within
    }

    /// Whether dropping it changes nothing: by `now` it would be full again.
    pub(super) fn is_full(&self, settings: &LogSettings, now: SystemTime) -> bool {
        now.duration_since(self.at).is_ok_and(|passed| passed >= settings.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let settings =
            LogSettings { lines_per_second: 10, burst: Duration::from_secs(2), ..LogSettings::default() };
        let mut rate = Rate::new(&settings, UNIX_EPOCH);
        let mut logged =
            |ms| (0..100).filter(|_| rate.take(&settings, 1, UNIX_EPOCH + Duration::from_millis(ms))).count();
        assert_eq!([logged(0), logged(500), logged(500), logged(0), logged(60_000)], [20, 5, 0, 0, 20]);
    }

    #[test]
    fn bytes_count_as_well_as_lines() {
        let settings =
            LogSettings { bytes_per_second: 100, burst: Duration::from_secs(1), ..LogSettings::default() };
        let mut rate = Rate::new(&settings, UNIX_EPOCH);
        assert!(rate.take(&settings, 60, UNIX_EPOCH));
        assert!(!rate.take(&settings, 41, UNIX_EPOCH), "a refused line took bytes");
        assert!(rate.take(&settings, 40, UNIX_EPOCH));
    }
}
