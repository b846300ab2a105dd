//! One principal's fuel window.

use std::time::Duration;

use tokio::time::Instant;

const NANOS: u64 = 1_000_000_000;

/// Fuel used lately, draining at the principal's rate.
///
/// A level that drains continuously stands for the sliding second: the principal is over budget
/// while the level exceeds one second's worth, and an overshoot is a debt that later seconds pay.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    level: u64,
    at: Instant,
}

impl Window {
    pub(super) fn new(at: Instant) -> Self {
        Self { level: 0, at }
    }

    /// Adds `fuel` if the level then still is within one second of `rate`.
    #[inline]
    pub(super) fn try_take(&mut self, fuel: u64, rate: u64, now: Instant) -> bool {
        self.drain(rate, now);
        let fits = self.level.saturating_add(fuel) <= rate;
        if fits {
            self.level += fuel;
        }
        fits
    }

    /// Adds `fuel` whether or not it fits.
    pub(super) fn charge(&mut self, fuel: u64, rate: u64, now: Instant) {
        self.drain(rate, now);
        self.level = self.level.saturating_add(fuel);
    }

    /// Gives back what was taken and not used.
    #[inline]
    pub(super) fn refund(&mut self, fuel: u64) {
        self.level = self.level.saturating_sub(fuel);
    }

    /// How long until `fuel` more would fit.
    pub(super) fn room_in(&mut self, fuel: u64, rate: u64, now: Instant) -> Duration {
        self.drain(rate, now);
        let over = self.level.saturating_add(fuel.min(rate)).saturating_sub(rate);
        nanos(over, rate)
    }

    /// What is used of the second that ends now; more than `rate` while there is a debt.
    pub(super) fn used(&mut self, rate: u64, now: Instant) -> u64 {
        self.drain(rate, now);
        self.level
    }

    /// True once nothing is left to remember.
    pub(super) fn is_idle(&mut self, rate: u64, now: Instant) -> bool {
        self.drain(rate, now);
        self.level == 0
    }

    #[inline]
    fn drain(&mut self, rate: u64, now: Instant) {
        if self.level > 0 {
            let elapsed = now.saturating_duration_since(self.at);
            self.level = self.level.saturating_sub(drained(elapsed, rate));
        }
        self.at = now;
    }
}

/// What drains at `rate` a second. In 64 bits where they hold it: every call asks twice.
fn drained(elapsed: Duration, rate: u64) -> u64 {
    let nanos = elapsed.as_nanos();
    let narrow = u64::try_from(nanos).ok().and_then(|nanos| nanos.checked_mul(rate));
    narrow.map_or_else(
        || {
            let drained = u128::from(rate).saturating_mul(nanos) / u128::from(NANOS);
            u64::try_from(drained).unwrap_or(u64::MAX)
        },
        |product| product / NANOS,
    )
}

fn nanos(fuel: u64, rate: u64) -> Duration {
    let nanos = u128::from(fuel).saturating_mul(u128::from(NANOS)).div_ceil(u128::from(rate.max(1)));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drains_is_the_same_in_64_bits_and_in_128() {
        for (nanos, rate, expected) in [
            (0, u64::MAX, 0),
            (1_000_000_000, 7, 7),
            (1_999_999_999, 1, 1),
            (500_000_000, 2_000_000_000, 1_000_000_000),
            (9_223_372_036, 2_000_000_000, 18_446_744_072),
            (9_223_372_037, 2_000_000_000, 18_446_744_074),
            (1_000_000_000, u64::MAX, u64::MAX),
            (u64::MAX, u64::MAX, u64::MAX),
        ] {
            assert_eq!(drained(Duration::from_nanos(nanos), rate), expected, "{nanos} ns at {rate}");
        }
    }
}
