//! Processor time of a whole tree. The kernel holds each process to the limit by itself; that many of them do not
//! use it up many times over is seen to here.

use std::time::Duration;

/// Time for a process to heed the kernel's own signal, which comes first where there is one process only.
const GRACE_MS: u64 = 2_000;
/// No more often than this, however near the limit.
const LEAST: Duration = Duration::from_millis(500);

/// How much a tree may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    limit_ms: u64,
    /// How many can spend it at once.
    cores: u64,
}

impl Budget {
    pub(super) fn new(secs: u64) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        Self { limit_ms: secs.saturating_mul(1000).saturating_add(GRACE_MS), cores }
    }

    pub(super) fn is_spent(&self, used_ms: u64) -> bool {
        used_ms >= self.limit_ms
    }

    /// Before that it cannot be spent, with all cores at work.
    pub(super) fn next_look(&self, used_ms: u64) -> Duration {
        Duration::from_millis(self.limit_ms.saturating_sub(used_ms) / self.cores).max(LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_at_only_when_it_can_be_spent() {
        let budget = Budget { limit_ms: 62_000, cores: 2 };
        assert_eq!(budget.next_look(0), Duration::from_secs(31));
        assert_eq!(budget.next_look(42_000), Duration::from_secs(10));
        assert_eq!(budget.next_look(61_900), LEAST);
        assert!(!budget.is_spent(61_999) && budget.is_spent(62_000));
    }
}
