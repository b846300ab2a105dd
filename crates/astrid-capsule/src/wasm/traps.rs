//! Whether a capsule's handlers do nothing but fail.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// This many failed handlers in a row, in so short a time, are a broken capsule (lifecycle chapter §7).
const IN_A_ROW: usize = 20;
const WITHIN: Duration = Duration::from_secs(60);

/// Failed handlers since the last that answered.
#[derive(Debug, Default)]
pub(super) struct Traps {
    /// Spares those that answer the lock.
    any: AtomicBool,
    run: Mutex<Run>,
}

#[derive(Debug, Default)]
struct Run {
    /// When the latest failed, at most [`IN_A_ROW`] of them.
    latest: VecDeque<Instant>,
    degraded: bool,
}

impl Traps {
    /// True for the one that makes the capsule degraded.
    pub(super) fn trapped(&self) -> bool {
        let mut run = self.run.lock();
        self.any.store(true, Ordering::Release);
        let now = Instant::now();
        if run.latest.len() == IN_A_ROW {
            run.latest.pop_front();
        }
        run.latest.push_back(now);
        let quick = run.latest.front().is_some_and(|first| now.duration_since(*first) <= WITHIN);
        let newly = run.latest.len() == IN_A_ROW && quick && !run.degraded;
        run.degraded |= newly;
        newly
    }

    pub(super) fn answered(&self) {
        if self.any.load(Ordering::Acquire) {
            let mut run = self.run.lock();
            *run = Run::default();
            self.any.store(false, Ordering::Release);
        }
    }

    /// Until a handler answers again.
    pub(super) fn degraded(&self) -> Option<String> {
        let degraded = self.any.load(Ordering::Acquire) && self.run.lock().degraded;
        degraded.then(|| format!("{IN_A_ROW} handlers in a row failed within {} s", WITHIN.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // lifecycle §7
    #[tokio::test(start_paused = true)]
    async fn twenty_traps_in_a_row_degrade_only_within_a_minute_and_an_answer_ends_it() {
        let traps = Traps::default();
        for _ in 0..19 {
            assert!(!traps.trapped());
        }
        assert_eq!(traps.degraded(), None);
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(!traps.trapped(), "the first nineteen are too long ago");
        for _ in 0..18 {
            assert!(!traps.trapped());
        }
        assert!(traps.trapped());
        assert!(!traps.trapped(), "told once");
        assert!(traps.degraded().is_some());
        tokio::time::advance(Duration::from_secs(600)).await;
        assert!(traps.degraded().is_some(), "until a handler answers");
        traps.answered();
        assert_eq!(traps.degraded(), None);
        for _ in 0..19 {
            assert!(!traps.trapped());
        }
        traps.answered();
        assert!(!traps.trapped(), "not in a row");
    }
}
