//! The runtime: what a process that runs capsules holds.

mod builder;
mod load;
pub(crate) mod registry;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use astrid_event_bus::{AccessPattern, Bus, Charset, Draft, Observer, Payload, Report, Topic};
use astrid_host_context::{Attribution, HostServices, Principal, Provenance};
use astrid_host_sys::{LogRouter, SecretStore};
use astrid_store_redb::RedbStore;
use wasmtime::component::Linker;

use crate::cache::CompileCache;
use crate::capsule::SharedCapsule;
use crate::cpu::FuelBudget;
use crate::dispatch::Dispatcher;
use crate::engine::WasmHost;
use crate::wasm::{HostState, MemoryStats};
use crate::{CapsuleError, Code, Config, Home};
pub use builder::RuntimeBuilder;
use registry::Registry;

/// How long a publication of the host waits for room at handlers (ipc chapter §1.1).
const PUBLISH_WAIT: Duration = Duration::from_secs(1);

/// Loads capsules and runs them. A clone is the same runtime.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) home: Home,
    pub(crate) owner: Principal,
    pub(crate) host: WasmHost,
    pub(crate) linker: Linker<HostState>,
    pub(crate) cache: CompileCache,
    pub(crate) store: Arc<RedbStore>,
    pub(crate) bus: Bus,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) services: HostServices,
    pub(crate) fuel: Arc<FuelBudget>,
    pub(crate) memory: Arc<MemoryStats>,
    pub(crate) logs: LogRouter,
    pub(crate) secrets: Arc<dyn SecretStore>,
    pub(crate) registry: Arc<Registry>,
}

impl Runtime {
    /// The limits and choices in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Starts a runtime's settings: home `~/.astrid`, workspace the current directory.
    #[must_use]
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    /// Loads the capsule in `dir`: reads `Capsule.toml`, checks the component's recorded hash,
    /// compiles it or takes the code from the cache, links it, makes a first instance, and puts its
    /// handlers on the bus. A run loop is started; [`crate::Capsule::wait_ready`] waits for its signal.
    ///
    /// # Errors
    /// A [`CapsuleError`] whose [`Code`] says which step refused. Nothing of the capsule is left behind.
    pub async fn load(&self, dir: impl AsRef<Path>) -> Result<SharedCapsule, CapsuleError> {
        load::load(&self.0, dir.as_ref()).await
    }

    /// Unloads a capsule: its calls are cancelled, given two seconds, then stopped.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn unload(&self, id: &str) -> Result<(), CapsuleError> {
        let entry = self.0.registry.remove(id);
        let entry = entry.ok_or_else(|| CapsuleError::of(id, Code::NotFound, "is not loaded"))?;
        self.0.dispatcher.remove(entry.capsule.source_uuid());
        entry.gate.retire();
        entry.capsule.unload().await
    }

    /// The loaded capsule with this id.
    #[must_use]
    pub fn capsule(&self, id: &str) -> Option<SharedCapsule> {
        self.0.registry.get(id)
    }

    /// All loaded capsules, in the order they were loaded.
    #[must_use]
    pub fn capsules(&self) -> Vec<SharedCapsule> {
        self.0.registry.all()
    }

    /// The bus that capsules publish on.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.0.bus
    }

    /// The principal that capsules belong to.
    #[must_use]
    pub fn owner(&self) -> &Principal {
        &self.0.owner
    }

    /// Publishes JSON text as `principal`, or as the host itself. Waits up to a second for room at
    /// the handlers it is for.
    ///
    /// # Errors
    /// Topic, payload or principal is not valid, or a handler's queue stayed full.
    pub async fn publish(
        &self,
        topic: &str,
        payload: impl Into<String>,
        principal: Option<&str>,
    ) -> Result<Report, CapsuleError> {
        let invalid =
            |error: &dyn std::fmt::Display| CapsuleError::host(format!("publish {topic:?}: {error}"));
        let attribution = match principal {
            Some(name) => Attribution::Verified(Principal::parse(name).map_err(|e| invalid(&e))?),
            None => Attribution::System,
        };
        let parsed = Topic::parse(topic, Charset::Token).map_err(|e| invalid(&e))?;
        let payload = Payload::parse_off_thread(payload.into()).await.map_err(|e| invalid(&e))?;
        let draft = Draft::new(parsed, payload, Provenance::of(attribution));
        let admitted = || Ok::<_, std::convert::Infallible>(());
        self.0.bus.publish(draft, PUBLISH_WAIT, admitted).await.map_err(|e| invalid(&e))
    }

    /// Watches a pattern from inside the process, with messages no guest may see. A last `*` stands
    /// for any number of segments, `*` alone for everything.
    ///
    /// # Errors
    /// The pattern is not valid.
    pub fn observe(&self, pattern: &str) -> Result<Observer, CapsuleError> {
        let parsed = AccessPattern::parse(pattern, Charset::Token);
        parsed
            .map(|p| self.0.bus.observe(p))
            .map_err(|e| CapsuleError::host(format!("pattern {pattern:?}: {e}")))
    }

    /// Waits until no event is queued for a handler or being handled; false if `timeout` passed first.
    pub async fn settle(&self, timeout: Duration) -> bool {
        tokio::time::timeout(timeout, self.0.dispatcher.idle()).await.is_ok()
    }

    /// Components this process compiled; what came from the cache does not count.
    #[must_use]
    pub fn compilations(&self) -> u64 {
        self.0.cache.compilations()
    }

    /// Fuel a principal burnt since the runtime started.
    #[must_use]
    pub fn fuel_used(&self, principal: &str) -> u64 {
        Principal::parse(principal).map_or(0, |principal| self.0.fuel.total(Some(&principal)))
    }

    /// Memory growth that was refused since the runtime started.
    #[must_use]
    pub fn memory_denied(&self) -> u64 {
        self.0.memory.denied.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Unloads every capsule, the last loaded first, and waits until everything accepted is on disk.
    pub async fn shutdown(&self) {
        for capsule in self.capsules().into_iter().rev() {
            // A capsule that somebody else unloads at the same time is unloaded.
            if let Err(error) = self.unload(capsule.id()).await {
                tracing::debug!(%error, "unloading at shutdown");
            }
        }
        self.0.cache.finish().await;
        self.0.logs.flush().await;
        self.0.store.close().await;
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("home", &self.0.home.root()).finish_non_exhaustive()
    }
}
