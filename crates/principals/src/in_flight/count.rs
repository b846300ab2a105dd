//! How many compute and how many calls are under way, in one word.

use std::sync::atomic::{AtomicU64, Ordering};

const RUNNING: u64 = (1 << 31) - 1;
/// Set while somebody waits in line: a newcomer then goes to the end of it.
const LINE: u64 = 1 << 31;
const ONE_CALL: u64 = 1 << 32;

/// Running calls, calls under way, and whether there is a line. All changes are of the one word, so that
/// whoever leaves sees a line that began before, and whoever begins one sees who left before.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn running(&self) -> u64 {
        self.0.load(Ordering::Acquire) & RUNNING
    }

    /// Whether a call is under way, wherever it is.
    pub(super) fn is_busy(&self) -> bool {
        self.0.load(Ordering::Acquire) >= ONE_CALL
    }

    pub(super) fn begin_call(&self) {
        self.0.fetch_add(ONE_CALL, Ordering::AcqRel);
    }

    pub(super) fn end_call(&self) {
        self.0.fetch_sub(ONE_CALL, Ordering::AcqRel);
    }

    /// Takes a place if there is one and nobody waits for it, together with the call that is `new`.
    #[inline]
    pub(super) fn enter(&self, new: bool, limit: u64) -> bool {
        self.add(if new { ONE_CALL + 1 } else { 1 }, limit, LINE)
    }

    /// Takes a place for who is first in line.
    pub(super) fn admit(&self, limit: u64) -> bool {
        self.add(1, limit, 0)
    }

    fn add(&self, what: u64, limit: u64, unless: u64) -> bool {
        let limit = limit.min(RUNNING);
        let next = |now: u64| (now & unless == 0 && now & RUNNING < limit).then(|| now + what);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    }

    /// Gives a place back, and the call with it that is `over`. Whether there is a line.
    #[inline]
    pub(super) fn leave(&self, over: bool) -> bool {
        let what = if over { ONE_CALL + 1 } else { 1 };
        self.0.fetch_sub(what, Ordering::AcqRel) & LINE != 0
    }

    /// Notes whether there is a line; by who holds its lock.
    pub(super) fn note_line(&self, there_is: bool) {
        match there_is {
            true => self.0.fetch_or(LINE, Ordering::AcqRel),
            false => self.0.fetch_and(!LINE, Ordering::AcqRel),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_newcomers_out_and_lets_the_first_of_it_in() {
        let count = Count::default();
        assert!(count.enter(true, 2) && count.enter(true, 2) && !count.enter(true, 2));
        count.begin_call();
        count.note_line(true);
        assert!(count.leave(true), "whoever leaves hears of the line");
        assert!(!count.enter(true, 2) && count.admit(2) && !count.admit(2));
        count.note_line(false);
        assert_eq!((count.leave(false), count.running()), (false, 1));
        assert!(count.enter(false, 2));
        assert!(!count.leave(true) && count.is_busy() && !count.leave(true));
        assert_eq!((count.is_busy(), count.running()), (false, 0));
    }
}
