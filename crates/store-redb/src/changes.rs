//! Whether anything changed since one looked, without asking the database.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// How often each name changed, on counters that names share, and whether it is changing now. A
/// neighbour's change costs one more read at worst.
///
/// A count holds how many changes are about to become readable in its lower half. While one is, some
/// readers may see it and others not, so nothing that was read then is kept or given out.
#[derive(Debug)]
pub(crate) struct Changes {
    hash: RandomState,
    counters: Box<[AtomicU64]>,
}

/// One change more, which is still going on.
const BEGUN: u64 = (1 << 32) + 1;
const GOING_ON: u64 = (1 << 32) - 1;

impl Changes {
    pub(crate) fn on(counters: usize) -> Self {
        Self { hash: RandomState::new(), counters: (0..counters).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The count as of now, which rows read later are at least as new as; `None` while a change goes on.
    pub(crate) fn settled(&self, name: &[u8]) -> Option<u64> {
        let count = self.counter(name)?.load(Ordering::SeqCst);
        (count & GOING_ON == 0).then_some(count)
    }

    /// Makes `change`, of these names, readable.
    pub(crate) fn during<'a, T>(
        &self,
        names: impl Iterator<Item = &'a [u8]> + Clone,
        change: impl FnOnce() -> T,
    ) -> T {
        Self::count(|| names.clone().filter_map(|name| self.counter(name)), change)
    }

    /// Makes a change readable of whatever names.
    pub(crate) fn during_any<T>(&self, change: impl FnOnce() -> T) -> T {
        Self::count(|| self.counters.iter(), change)
    }

    fn count<'a, C: Iterator<Item = &'a AtomicU64>, T>(
        counters: impl Fn() -> C,
        change: impl FnOnce() -> T,
    ) -> T {
        for counter in counters() {
            counter.fetch_add(BEGUN, Ordering::SeqCst);
        }
        let changed = change();
        for counter in counters() {
            counter.fetch_sub(1, Ordering::SeqCst);
        }
        changed
    }

    fn counter(&self, name: &[u8]) -> Option<&AtomicU64> {
        let at = usize::try_from(self.hash.hash_one(name)).ok()?.checked_rem(self.counters.len())?;
        self.counters.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &[u8] = b"alice:capsule:a";

    #[test]
    fn nothing_is_settled_while_a_change_goes_on_and_the_count_is_another_afterwards() {
        let changes = Changes::on(16);
        let twice = [NAME, NAME].into_iter();
        let before = changes.settled(NAME).unwrap();
        assert_eq!(changes.during(twice, || changes.settled(NAME)), None);
        let between = changes.settled(NAME).unwrap();
        assert_eq!(changes.during_any(|| changes.settled(NAME)), None);
        let after = changes.settled(NAME).unwrap();
        assert!(before < between && between < after);
    }
}
