//! The runtime: what a process that runs capsules holds.

mod agent_loop;
mod boot;
mod builder;
mod events;
mod health;
mod job_store;
mod jobs;
mod load;
pub(crate) mod registry;
mod report;
mod restart;
mod schema;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use astrid_capsule_discovery::{Finding, Fingerprint, SearchPath, Trust};
use astrid_cron::CronService;
use astrid_event_bus::{AccessPattern, Bus, Charset, Draft, Observer, Payload, Report, Topic};
use astrid_host_context::{Attribution, HostServices, Principal, Provenance};
use astrid_host_ipc::ReservedTopics;
use astrid_host_sys::{LogRouter, SecretStore};
use astrid_store_sled::SledStore;
use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use wasmtime::component::Linker;

use crate::cache::CompileCache;
use crate::capsule::SharedCapsule;
use crate::cpu::FuelBudget;
use crate::dispatch::Dispatcher;
use crate::engine::WasmHost;
use crate::wasm::{HostState, MemoryStats};
use crate::{CapsuleError, Code, Config, Exempt, Home};
pub use builder::RuntimeBuilder;
use health::Health;
use registry::Registry;
pub use report::{BootError, BootFailure, BootReport, Booted};
pub use schema::Schema;

/// How long a publication of the host waits for room at handlers (ipc chapter §1.1).
const PUBLISH_WAIT: Duration = Duration::from_secs(1);

/// How long unloading one after the other may take at shutdown; what is left then is unloaded at once, so that the
/// whole stays below the half minute of lifecycle chapter §9.
const ORDERLY: Duration = Duration::from_secs(20);

/// How long handlers may take to hear of a shutdown.
const FAREWELL: Duration = Duration::from_millis(500);

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
    pub(crate) store: Arc<SledStore>,
    pub(crate) bus: Bus,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) services: HostServices,
    pub(crate) fuel: Arc<FuelBudget>,
    pub(crate) memory: Arc<MemoryStats>,
    pub(crate) logs: LogRouter,
    pub(crate) secrets: Arc<dyn SecretStore>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) cron: CronService,
    pub(crate) reserved: Arc<ReservedTopics>,
    pub(crate) exempt: Arc<dyn Exempt>,
    pub(crate) health: Health,
    /// What runs for as long as the runtime does.
    pub(crate) tasks: Mutex<Vec<AbortHandle>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.lock().iter().for_each(AbortHandle::abort);
    }
}

impl Runtime {
    /// Starts a runtime's settings: home `~/.astrid`, workspace the current directory.
    #[must_use]
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    /// Finds capsules, orders them by their needs, loads them all, frontends first, and starts cron and
    /// the health monitor. A capsule that cannot be loaded takes no other down: the report names it.
    ///
    /// Of the paths, [`SearchPath::workspace`] needs approvals: [`Runtime::trust`].
    pub async fn boot(&self, paths: &[SearchPath]) -> BootReport {
        boot::boot(&self.0, paths).await
    }

    /// Approves the capsule in `dir`, as it is now, for boots that look through a workspace.
    ///
    /// # Errors
    /// [`Code::Host`]: the capsule cannot be read, or the approval cannot be written.
    pub async fn trust(&self, dir: impl AsRef<Path>) -> Result<Fingerprint, CapsuleError> {
        let (file, dir) = (self.0.home.trust_file(), dir.as_ref().to_owned());
        let approved = tokio::task::spawn_blocking(move || Trust::approve(&file, &dir)).await;
        approved.map_err(CapsuleError::host)?.map_err(CapsuleError::host)
    }

    /// Loads the capsule in `dir`: reads `Capsule.toml`, checks the component's recorded hash,
    /// compiles it or takes the code from the cache, links it, makes a first instance, and puts its
    /// handlers on the bus. A run loop is started; [`crate::Capsule::wait_ready`] waits for its signal.
    ///
    /// # Errors
    /// A [`CapsuleError`] whose [`Code`] says which step refused. Nothing of the capsule is left behind.
    pub async fn load(&self, dir: impl AsRef<Path>) -> Result<SharedCapsule, CapsuleError> {
        self.load_for(dir, &self.0.owner).await
    }

    /// [`Runtime::load`] for another principal. A build that is loaded already is shared; a different
    /// build of a capsule that somebody else has runs beside it, and each principal reaches their own.
    ///
    /// # Errors
    /// As [`Runtime::load`].
    pub async fn load_for(
        &self,
        dir: impl AsRef<Path>,
        owner: &Principal,
    ) -> Result<SharedCapsule, CapsuleError> {
        let capsule = load::load(&self.0, dir.as_ref(), owner).await?;
        jobs::started(&self.0, &*capsule).await;
        events::lifecycle(&self.0.bus, "capsule_loaded", &[("capsule_id", capsule.id().into())]);
        // Before the boot nobody has been told anything that could be out of date.
        if self.0.health.is_watching() {
            capsule.discover_tools().await;
            events::capsules_loaded(&self.0);
        }
        Ok(capsule)
    }

    /// Reads a capsule from disk again and puts it in the place of the one that runs; every event
    /// reaches exactly one of the two. What the health monitor counted is forgotten.
    ///
    /// # Errors
    /// [`Code::NotFound`], or why the new one does not start; the old one goes on then.
    pub async fn reload(&self, id: &str) -> Result<SharedCapsule, CapsuleError> {
        let missing = || CapsuleError::of(id, Code::NotFound, "is not loaded");
        let old = self.capsule(id).ok_or_else(missing)?.source_uuid();
        self.0.health.forget(old);
        let cause = restart::Cause { reason: "reload", attempt: 0 };
        restart::restart(&self.0, old, cause).await.map_err(|error| error.in_capsule(id))
    }

    /// Unloads a capsule, every build of it: its calls are cancelled, given two seconds, then stopped.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn unload(&self, id: &str) -> Result<(), CapsuleError> {
        let snapshot = self.0.registry.snapshot();
        let builds = snapshot.all().iter().filter(|seen| seen.capsule.id() == id);
        let removed: Vec<_> =
            builds.filter_map(|seen| self.0.registry.remove(seen.capsule.source_uuid())).collect();
        if removed.is_empty() {
            return Err(CapsuleError::of(id, Code::NotFound, "is not loaded"));
        }
        jobs::stopped(&self.0, id);
        let mut result = Ok(());
        for entry in removed {
            let uuid = entry.capsule.source_uuid();
            self.0.health.forget(uuid);
            self.0.dispatcher.remove(uuid);
            entry.gate.retire();
            result = entry.capsule.unload().await.and(result);
        }
        events::lifecycle(&self.0.bus, "capsule_unloaded", &[("capsule_id", id.into())]);
        if self.0.health.is_watching() {
            events::capsules_loaded(&self.0);
        }
        result
    }

    /// What the interfaces of the loaded capsules lack, for each principal's view.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.0.registry.snapshot().findings()
    }

    /// What the loaded capsules lack to be an agent that hears a user and answers; nothing if they are one.
    #[must_use]
    pub fn agent_loop_lacks(&self) -> Vec<String> {
        let snapshot = self.0.registry.snapshot();
        agent_loop::missing(snapshot.all().iter().map(|seen| seen.capsule.manifest()))
    }

    /// What the payload of a topic pattern looks like, as the loaded manifests say.
    #[must_use]
    pub fn schema(&self, topic: &str) -> Option<Schema> {
        self.0.registry.snapshot().schemas.get(topic).cloned()
    }

    /// The jobs of capsules: to schedule, cancel and list them from inside the process.
    #[must_use]
    pub fn cron(&self) -> &CronService {
        &self.0.cron
    }

    /// The loaded capsule with this id.
    #[must_use]
    pub fn capsule(&self, id: &str) -> Option<SharedCapsule> {
        self.0.registry.snapshot().reach(id, Some(&self.0.owner)).map(|seen| seen.capsule.clone())
    }

    /// All loaded capsules, in the order they were loaded.
    #[must_use]
    pub fn capsules(&self) -> Vec<SharedCapsule> {
        self.0.registry.snapshot().all().iter().map(|seen| seen.capsule.clone()).collect()
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

    /// Tells handlers, stops cron and restarts, unloads every capsule, the last loaded first, and waits
    /// until everything accepted is on disk.
    pub async fn shutdown(&self) {
        events::lifecycle(&self.0.bus, "kernel_shutdown", &[]);
        if !self.settle(FAREWELL).await {
            tracing::debug!("handlers still run at shutdown and are cancelled");
        }
        self.0.tasks.lock().drain(..).for_each(|task| task.abort());
        self.0.health.stop();
        let in_order = async {
            for capsule in self.capsules().into_iter().rev() {
                self.unload_at_shutdown(capsule.id()).await;
            }
        };
        if tokio::time::timeout(ORDERLY, in_order).await.is_err() {
            let rest = self.capsules();
            tracing::warn!("{} capsules are left and are unloaded at once", rest.len());
            join_all(rest.iter().map(|capsule| self.unload_at_shutdown(capsule.id()))).await;
        }
        self.0.cache.finish().await;
        self.0.logs.flush().await;
        self.0.store.close().await;
    }

    async fn unload_at_shutdown(&self, id: &str) {
        // A capsule that somebody else unloads at the same time is unloaded.
        if let Err(error) = self.unload(id).await {
            tracing::debug!(%error, "unloading at shutdown");
        }
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("home", &self.0.home.root()).finish_non_exhaustive()
    }
}
