//! How much memory one store may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

/// Bytes one table element is taken to cost, for the bound on tables (engines chapter §3).
const BYTES_PER_ELEMENT: u64 = 32;
const MAX_INSTANCES: usize = 32;
const MAX_TABLES: usize = 32;
const MAX_MEMORIES: usize = 8;

/// Growth that was refused, over all stores of a runtime.
#[derive(Debug, Default)]
pub(crate) struct MemoryStats {
    pub(crate) denied: AtomicU64,
    pub(crate) peak: AtomicU64,
}

/// Sums every memory and table of a store. A refused growth is -1 to the guest and no trap.
#[derive(Debug)]
pub(crate) struct StoreMemoryMeter {
    limit: u64,
    bytes: u64,
    elements: u64,
    stats: Arc<MemoryStats>,
}

impl StoreMemoryMeter {
    pub(crate) fn new(limit: u64, stats: Arc<MemoryStats>) -> Self {
        Self { limit, bytes: 0, elements: 0, stats }
    }

    /// Applies another principal's limit to the calls that follow; what is held stays held.
    pub(crate) fn retarget(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Linear memory held now. It never shrinks, so at the end of a call this is the call's peak.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn grow(held: &mut u64, limit: u64, current: usize, desired: usize) -> bool {
        let more = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let next = held.saturating_add(more);
        let fits = next <= limit;
        if fits {
            *held = next;
        }
        fits
    }

    fn refused(&self) {
        self.stats.denied.fetch_add(1, Ordering::Relaxed);
    }
}

impl ResourceLimiter for StoreMemoryMeter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let within = maximum.is_none_or(|maximum| desired <= maximum);
        let fits = within && Self::grow(&mut self.bytes, self.limit, current, desired);
        if fits {
            self.stats.peak.fetch_max(self.bytes, Ordering::Relaxed);
        } else {
            self.refused();
        }
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = (self.limit / BYTES_PER_ELEMENT).max(1);
        let within = maximum.is_none_or(|maximum| desired <= maximum);
        let fits = within && Self::grow(&mut self.elements, limit, current, desired);
        if !fits {
            self.refused();
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    // engines case 17
    #[test]
    fn memories_of_one_store_count_together_and_refusal_is_no_error() {
        let stats = Arc::new(MemoryStats::default());
        let mut meter = StoreMemoryMeter::new(64 << 20, stats.clone());
        assert!(meter.memory_growing(0, 40 * MIB, None).unwrap());
        assert!(!meter.memory_growing(0, 40 * MIB, None).unwrap());
        assert!(meter.memory_growing(40 * MIB, 64 * MIB, None).unwrap());
        assert!(!meter.memory_growing(64 * MIB, 64 * MIB + 65536, None).unwrap());
        assert_eq!(stats.denied.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn tables_are_bounded_by_the_memory_they_would_cost() {
        let mut meter = StoreMemoryMeter::new(3200, Arc::default());
        assert!(meter.table_growing(0, 100, None).unwrap());
        assert!(!meter.table_growing(100, 101, None).unwrap());
    }
}
