//! What an embedder keeps in its store data for this package.

use std::fmt;
use std::sync::Arc;

use astrid_host_context::{Op, Resource, Scope};

use crate::{Memory, Neutral, Store};

/// Largest value in bytes; the contract's figure, below which a value fits one message of every transport.
pub const MAX_VALUE: usize = 1_048_576;

/// Most keys of one listing or page; the contract's figure, which bounds a result to 256 KiB of keys.
pub const MAX_LISTED: usize = 1024;

/// Sum of key and value bytes of one namespace. 256 MiB holds years of an agent's notes, and a
/// hundred full namespaces still fit a small disk.
pub static NAMESPACE_BYTES: Resource = Resource { name: "kv.namespace-bytes", default: 256 << 20 };

/// Keys of one namespace. Bounds `kv-clear-prefix`, which removes all of them in one step.
pub static NAMESPACE_KEYS: Resource = Resource { name: "kv.namespace-keys", default: 262_144 };

/// Every how many reads one is recorded as an event. The contract's figure: enough to see who reads,
/// cheap enough to forget.
const SAMPLED: u64 = 1024;

/// The package's state of one wasmtime store. Holds nothing of any principal: the namespace is
/// looked up from the call in force, each time.
#[derive(Clone)]
pub struct KvCtx {
    store: Arc<dyn Store>,
    reads: u64,
}

impl KvCtx {
    /// Starts with an in-memory store of its own.
    #[must_use]
    pub fn builder() -> KvCtxBuilder {
        KvCtxBuilder { store: None }
    }

    /// The backend.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The backend that serves `scope`: nobody's calls never reach the real one.
    pub(crate) fn serving(&self, scope: &Scope) -> &dyn Store {
        if scope.principal.is_some() { &*self.store } else { &Neutral }
    }

    /// Which of two ops describes this read: the sampled one every [`SAMPLED`] reads.
    pub(crate) fn sample(&mut self, usual: &'static Op, sampled: &'static Op) -> &'static Op {
        self.reads = self.reads.wrapping_add(1);
        if self.reads.is_multiple_of(SAMPLED) { sampled } else { usual }
    }
}

impl fmt::Debug for KvCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvCtx").field("reads", &self.reads).finish_non_exhaustive()
    }
}

/// Builds a [`KvCtx`].
///
/// Limits are not set here: the two budgets [`NAMESPACE_BYTES`] and [`NAMESPACE_KEYS`] are asked of
/// [`astrid_host_context::Quota`] at each call.
pub struct KvCtxBuilder {
    store: Option<Arc<dyn Store>>,
}

impl KvCtxBuilder {
    /// The backend, shared by all wasmtime stores of a kernel.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// The finished state.
    #[must_use]
    pub fn build(self) -> KvCtx {
        KvCtx { store: self.store.unwrap_or_else(|| Arc::new(Memory::new())), reads: 0 }
    }
}

impl fmt::Debug for KvCtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvCtxBuilder").field("store", &self.store.is_some()).finish()
    }
}
