//! What an operator sees of the engine.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Flushes that the percentiles are taken over.
const WINDOW: usize = 1024;

/// The engine's state for health checks and dashboards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Why the engine stopped taking writes; none while it is well. It stays until the store is reopened.
    pub failed: Option<String>,
    /// Jobs that wait for the writer.
    pub queue_depth: usize,
    /// Mutations that shared the latest commit.
    pub group_size: usize,
    /// Median of the latest 1,024 flushes.
    pub flush_p50: Duration,
    /// 99th percentile of them.
    pub flush_p99: Duration,
    /// Reads that met a damaged row since the store was opened.
    pub corrupted_reads: u64,
    /// Blocks of the file that were read with one flipped bit, and came back as they were written.
    pub corrected_blocks: u64,
    /// Blocks that were read with more damage than can be undone.
    pub damaged_blocks: u64,
    /// Reads that were answered from memory since the store was opened, without another thread.
    pub cached_reads: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Measured>);

#[derive(Debug, Default)]
struct Measured {
    flushes: VecDeque<Duration>,
    group: usize,
}

impl Meter {
    pub(crate) fn time_flush<T>(&self, flush: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = flush();
        let mut measured = self.0.lock();
        if measured.flushes.len() == WINDOW {
            measured.flushes.pop_front();
        }
        measured.flushes.push_back(started.elapsed());
        result
    }

    pub(crate) fn group(&self, size: usize) {
        self.0.lock().group = size;
    }

    pub(crate) fn read(&self) -> Stats {
        let measured = self.0.lock();
        let mut flushes: Vec<_> = measured.flushes.iter().copied().collect();
        flushes.sort_unstable();
        let percentile = |p: usize| flushes.get(flushes.len() * p / 100).copied().unwrap_or_default();
        Stats {
            group_size: measured.group,
            flush_p50: percentile(50),
            flush_p99: percentile(99),
            ..Stats::default()
        }
    }
}
