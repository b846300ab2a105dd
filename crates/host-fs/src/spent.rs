//! Bytes written since load, for each capsule and principal.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use astrid_host_context::Scope;
use parking_lot::Mutex;

use crate::fault::Fault;

/// The counters, shared by all stores of a kernel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spent(Arc<Mutex<HashMap<Scope, Arc<AtomicU64>>>>);

impl Spent {
    /// Takes `bytes` of what may still be written; what is not [`Advance::used`] goes back.
    pub(crate) fn take(&self, scope: Scope, bytes: u64, limit: u64) -> Result<Advance, Fault> {
        let counter = self.0.lock().entry(scope).or_default().clone();
        let next = |now: u64| now.checked_add(bytes).filter(|next| *next <= limit);
        counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_err(|_| Fault::TooLarge)?;
        Ok(Advance { counter, unused: bytes })
    }
}

/// Bytes that may be written.
#[derive(Debug)]
pub(crate) struct Advance {
    counter: Arc<AtomicU64>,
    unused: u64,
}

impl Advance {
    /// So many of them were written.
    pub(crate) fn used(&mut self, bytes: u64) {
        self.unused = self.unused.saturating_sub(bytes);
    }
}

impl Drop for Advance {
    fn drop(&mut self) {
        // Never more than was taken, so it cannot wrap.
        self.counter.fetch_sub(self.unused, Ordering::Relaxed);
    }
}
