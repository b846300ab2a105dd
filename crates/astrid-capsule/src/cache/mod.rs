//! Compiled components, shared in memory and kept on disk.
//!
//! The memory layer hands the same code to every capsule with the same bytes and lets concurrent
//! loads of one component compile it once. The disk layer spares the next process the compilation.
//! Neither can make a load fail: whatever is wrong with the disk is logged once and compiled around.

mod disk;
mod entry;
mod sweep;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use wasmtime::component::Component;

use crate::engine::WasmHost;
use crate::{CapsuleError, Code, Config, Home};
use disk::Disk;

/// Where a component came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Another capsule of this process has it loaded.
    Memory,
    /// The disk cache had it.
    Disk,
    /// It was compiled.
    Compiled,
}

/// A compiled component and what the cache must know while it is in use.
pub(crate) struct Compiled {
    pub(crate) component: Component,
}

type Slot = tokio::sync::Mutex<Weak<Compiled>>;

/// Both layers, for one engine.
pub(crate) struct CompileCache {
    host: WasmHost,
    slots: Mutex<HashMap<blake3::Hash, Arc<Slot>>>,
    disk: Option<Disk>,
    compiling: Semaphore,
    compiled: AtomicU64,
    writes: TaskTracker,
}

impl CompileCache {
    pub(crate) fn new(host: WasmHost, home: &Home, config: &Config) -> Self {
        let disk = if config.compile_cache {
            Disk::open(home, &host.compat(), config.compile_cache_max_bytes)
        } else {
            None
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            host,
            slots: Mutex::default(),
            disk,
            // Compilation is parallel inside; more at once would only starve the running capsules.
            compiling: Semaphore::new((cores / 2).max(1)),
            compiled: AtomicU64::new(0),
            writes: TaskTracker::new(),
        }
    }

    /// How many components this process compiled itself.
    pub(crate) fn compilations(&self) -> u64 {
        self.compiled.load(Ordering::Relaxed)
    }

    /// The component with these bytes, whose BLAKE3 is `hash`.
    ///
    /// # Errors
    /// [`Code::Compile`]; nothing else can fail.
    pub(crate) async fn get(
        &self,
        bytes: Arc<[u8]>,
        hash: blake3::Hash,
    ) -> Result<(Arc<Compiled>, Origin), CapsuleError> {
        let slot = self.slot(hash);
        let mut slot = slot.lock().await;
        if let Some(loaded) = slot.upgrade() {
            return Ok((loaded, Origin::Memory));
        }
        let (component, origin) = match self.on_disk(hash).await {
            Some(component) => (component, Origin::Disk),
            None => (self.compile(bytes, hash).await?, Origin::Compiled),
        };
        let compiled = Arc::new(Compiled { component });
        *slot = Arc::downgrade(&compiled);
        Ok((compiled, origin))
    }

    async fn on_disk(&self, hash: blake3::Hash) -> Option<Component> {
        let disk = self.disk.clone()?;
        let engine = self.host.engine().clone();
        let read = tokio::task::spawn_blocking(move || disk.load(&engine, &hash)).await;
        read.unwrap_or_else(|error| {
            // A tokio that shuts down cancels what its threads have not begun: nobody waits for it any more.
            if !error.is_cancelled() {
                tracing::warn!(%error, "reading the compile cache failed");
            }
            None
        })
    }

    async fn compile(&self, bytes: Arc<[u8]>, hash: blake3::Hash) -> Result<Component, CapsuleError> {
        let failed = |error: &dyn std::fmt::Display| {
            CapsuleError::new(Code::Compile, format!("component does not compile: {error:#}"))
        };
        let _turn = self.compiling.acquire().await.map_err(|e| failed(&e))?;
        let engine = self.host.engine().clone();
        let compile = move || Component::new(&engine, &bytes);
        let component =
            tokio::task::spawn_blocking(compile).await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
        self.compiled.fetch_add(1, Ordering::Relaxed);
        self.keep(component.clone(), hash);
        Ok(component)
    }

    /// Writes a fresh compilation to disk, without making the load wait for it.
    fn keep(&self, component: Component, hash: blake3::Hash) {
        let Some(disk) = self.disk.clone() else { return };
        let in_use = self.in_use();
        self.writes.spawn_blocking(move || disk.store(&component, &hash, &in_use));
    }

    /// Waits until everything that was compiled is on disk.
    pub(crate) async fn finish(&self) {
        self.writes.close();
        self.writes.wait().await;
    }

    fn in_use(&self) -> Vec<blake3::Hash> {
        self.slots.lock().keys().copied().collect()
    }

    fn slot(&self, hash: blake3::Hash) -> Arc<Slot> {
        let mut slots = self.slots.lock();
        // A slot nobody holds and whose component is gone has nothing to remember.
        slots.retain(|_, slot| {
            Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|loaded| loaded.strong_count() > 0)
        });
        slots.entry(hash).or_default().clone()
    }
}
