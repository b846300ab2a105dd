//! What time it is.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;

use crate::BoxFuture;

/// The two clocks a scheduler needs, and waiting. Tests bring one whose hands they move.
pub trait Clock: Send + Sync + 'static {
    /// The clock on the wall. It may be set, in either direction, at any time.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, which nobody sets: what intervals are counted by.
    fn elapsed(&self) -> Duration;

    /// The zone of schedules in local time.
    fn zone(&self) -> TimeZone;

    /// Waits about this long. It may take longer, as when the machine sleeps; the clocks tell.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's clocks, by tokio's timer.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that counts from now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn zone(&self) -> TimeZone {
        TimeZone::system()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}
