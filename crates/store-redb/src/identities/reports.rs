//! Who is told of records that this host did not write.

use std::collections::HashSet;

use parking_lot::Mutex;

/// Rows that are told apart; beyond it nothing more is reported, which was said often enough by then.
const MOST: usize = 4096;

/// Each such row once.
#[derive(Debug, Default)]
pub(super) struct Reports(Mutex<HashSet<blake3::Hash>>);

impl Reports {
    /// Warns of a row. Names its kind and what its key is known by to nobody else: accounts are not for logs.
    pub(super) fn foreign(&self, kind: &'static str, row: &[u8]) {
        let name = blake3::hash(row);
        let mut known = self.0.lock();
        if known.len() < MOST && known.insert(name) {
            tracing::error!(
                target: "astrid.security",
                kind,
                row = %name.to_hex(),
                "the identity store holds a record that this host did not write; it counts for nothing"
            );
        }
    }

    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.0.lock().len()).unwrap_or(u64::MAX)
    }
}
