//! Numbers of invocations, unique within the process.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that one store takes at a time, so that stores on many cores do not all write to one word.
const BLOCK: u64 = 256;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// The numbers of one store's invocations, ascending.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    next: u64,
    end: u64,
}

impl Numbers {
    pub(super) fn next(&mut self) -> u64 {
        if self.next == self.end {
            self.next = NEXT.fetch_add(BLOCK, Ordering::Relaxed);
            self.end = self.next + BLOCK;
        }
        self.next += 1;
        self.next - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_never_have_a_number_twice() {
        let (mut a, mut b) = (Numbers::default(), Numbers::default());
        let mut seen: Vec<u64> = (0..3 * BLOCK).flat_map(|_| [a.next(), b.next()]).collect();
        seen.sort_unstable();
        let all = seen.len();
        seen.dedup();
        assert_eq!((seen.len(), seen.contains(&0)), (all, false));
    }
}
