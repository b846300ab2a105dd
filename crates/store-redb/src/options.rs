//! What whoever opens a store chooses.

/// When a mutation is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// After an fsync: it survives SIGKILL and power loss.
    #[default]
    Flushed,
    /// At once; what was acknowledged in the last 100 ms may be lost. For data that can be made again.
    Relaxed,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// When a mutation is acknowledged.
    pub durability: Durability,
    /// The engine's page cache in bytes; 64 MiB unless set.
    pub cache_bytes: u64,
    /// Memory for values that were read, up to 64 KiB each, in bytes; 16 MiB unless set, 0 for none. What
    /// is in it is read without a thread hop, in the order of a microsecond.
    pub row_cache_bytes: u64,
}

impl Options {
    pub(crate) fn cache(&self) -> usize {
        usize::try_from(self.cache_bytes).unwrap_or(usize::MAX)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { durability: Durability::default(), cache_bytes: 64 << 20, row_cache_bytes: 16 << 20 }
    }
}
