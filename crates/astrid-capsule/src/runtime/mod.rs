//! The runtime: what a process that runs capsules holds.

mod agent_loop;
mod boot;
mod builder;
mod control;
mod events;
mod follow;
mod generation;
mod health;
pub(crate) mod hook;
mod install;
mod job_store;
mod jobs;
mod load;
mod mounts;
mod network;
mod network_figures;
mod overlay;
pub(crate) mod registry;
mod report;
mod restart;
mod schema;
mod snapshot;
mod start;
mod uplinks;
mod users;

use std::sync::Arc;
use std::time::Duration;

use astrid_airlock::Airlock;
use astrid_capsule_discovery::Finding;
use astrid_cron::CronService;
use astrid_dispatch::{Dispatcher, HookService, NativeGuard};
use astrid_event_bus::{
    AccessPattern, Bus, Charset, Draft, LifecycleEvent, Observer, Payload, Report, Topic,
};
use astrid_host_context::{Attribution, HostServices, Principal, Provenance};
use astrid_host_fs::{BlockingPool, Mounts};
use astrid_host_http::{Consent, HttpClient};
use astrid_host_ipc::ReservedTopics;
use astrid_host_net::Connections;
use astrid_host_process::Processes;
use astrid_host_sys::{LogRouter, SecretStore};
use astrid_host_uplink::{Links, Sessions};
use astrid_principals::Principals;
use astrid_security_gate::{ProfileGate, Roots};
use astrid_store_redb::RedbStore;
use parking_lot::Mutex;
use tokio::sync::RwLock;
use tokio::task::AbortHandle;
use wasmtime::component::Linker;

use crate::approval::Approval;
use crate::cache::CompileCache;
use crate::capsule::SharedCapsule;
use crate::elicit::Elicitation;
use crate::engine::WasmHost;
use crate::net::Network;
use crate::principal::{ByProfile, Held, ProfileKeys, ProfileRestrictions, Queues};
use crate::process::OnDemand;
use crate::users::Users;
use crate::wasm::{HostState, MemoryStats};
use crate::{CapsuleError, Config, Exempt, Home};
pub use builder::RuntimeBuilder;
use health::Health;
pub use hook::{HookOutcome, HookPhase};
pub use install::{Answer, InstallDesk, InstallOptions, Installed, Proposal, Question};
pub use network_figures::NetworkFigures;
use registry::Registry;
pub use report::{BootError, BootFailure, BootReport, Booted};
pub use schema::Schema;
pub use uplinks::UplinkDescriptor;
pub use users::LinkedUser;

/// Loads capsules and runs them. A clone is the same runtime.
#[derive(Clone)]
pub struct Runtime(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) home: Home,
    /// Workspace and home as the gates of all capsules know them.
    pub(crate) roots: Roots,
    pub(crate) owner: Principal,
    pub(crate) host: WasmHost,
    pub(crate) linker: Linker<HostState>,
    pub(crate) cache: CompileCache,
    pub(crate) store: Arc<RedbStore>,
    pub(crate) bus: Bus,
    pub(crate) dispatcher: Arc<Dispatcher>,
    /// Told of revocations for as long as it is held.
    pub(crate) _queues: Arc<Queues>,
    pub(crate) _held: Arc<Held>,
    pub(crate) services: HostServices,
    pub(crate) principals: Arc<Principals>,
    pub(crate) keys: Arc<ProfileKeys>,
    pub(crate) by_profile: Arc<ByProfile>,
    /// Stage two of every capsule's gate.
    pub(crate) profiles: ProfileGate<ProfileRestrictions>,
    pub(crate) memory: Arc<MemoryStats>,
    pub(crate) mounts: Arc<dyn Mounts>,
    pub(crate) file_threads: BlockingPool,
    /// Changes to the workspace, where they are kept apart.
    pub(crate) overlays: Option<Arc<overlay::Kept>>,
    pub(crate) logs: LogRouter,
    pub(crate) secrets: Arc<dyn SecretStore>,
    pub(crate) elicitation: Elicitation,
    pub(crate) approval: Approval,
    pub(crate) http: Arc<HttpClient>,
    pub(crate) consent: Arc<dyn Consent>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) net: Network,
    pub(crate) processes: Arc<Processes>,
    /// What they are started in, unless the embedder brought that.
    pub(crate) sandbox: Option<Arc<OnDemand>>,
    pub(crate) links: Arc<dyn Links>,
    pub(crate) users: Users,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) inbound_to_embedder: bool,
    pub(crate) cron: CronService,
    pub(crate) reserved: Arc<ReservedTopics>,
    pub(crate) exempt: Arc<dyn Exempt>,
    /// Written while somebody has all capsules to itself, read while one opens its gate.
    pub(crate) exclusive: RwLock<()>,
    pub(crate) health: Health,
    /// Read by each installation, until it is complete or taken back.
    pub(crate) installs: Arc<RwLock<()>>,
    /// Installations and removals under way.
    pub(crate) turns: install::Turns,
    /// Install and upgrade hooks that run.
    pub(crate) lifecycle: Arc<hook::Calls>,
    /// What runs for as long as the runtime does.
    pub(crate) tasks: Mutex<Vec<AbortHandle>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.lock().iter().for_each(AbortHandle::abort);
    }
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

    /// The host's directory.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.0.home
    }

    /// Which addresses capsules reach. Its rules are the operator's to replace, also while capsules run;
    /// what they admitted before and no longer do is closed.
    #[must_use]
    pub fn airlock(&self) -> &Arc<Airlock> {
        &self.0.net.airlock
    }

    /// The capsules' open streams, for closing those of a principal or a key that was revoked.
    #[must_use]
    pub fn connections(&self) -> &Connections {
        &self.0.net.connections
    }

    /// HTTP streams and uploads that principals have open, over all capsules.
    #[must_use]
    pub fn open_http_streams(&self) -> usize {
        self.0.http.open_streams()
    }

    /// The principal that capsules belong to.
    #[must_use]
    pub fn owner(&self) -> &Principal {
        &self.0.owner
    }

    /// Publishes JSON text as `principal`, or as the host itself. Waits up to `bus.publish_wait_ms`
    /// for room at the handlers it is for.
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
        let parsed = Topic::parse(topic, self.0.config.topic_charset).map_err(|e| invalid(&e))?;
        let payload = Payload::parse_off_thread(payload.into()).await.map_err(|e| invalid(&e))?;
        let draft = Draft::new(parsed, payload, Provenance::of(attribution));
        let admitted = || Ok::<_, std::convert::Infallible>(());
        self.0.bus.publish(draft, self.0.config.publish_wait, admitted).await.map_err(|e| invalid(&e))
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

    /// Announces an event of the host on `astrid.v1.lifecycle.<name>`. Waits for nobody.
    ///
    /// # Errors
    /// Its fields make a payload that is too large or nested too deep.
    pub fn announce(&self, event: LifecycleEvent) -> Result<Report, CapsuleError> {
        let draft = event.into_draft().map_err(CapsuleError::host)?;
        Ok(self.0.bus.announce(draft))
    }

    /// The synchronous hook fan-out among the loaded capsules.
    #[must_use]
    pub fn hooks(&self) -> HookService {
        self.0.dispatcher.hooks(&self.0.bus)
    }

    /// A service of this process answers requests on `pattern` until the guard is dropped: their
    /// publishers get no receipt that there is no handler.
    ///
    /// # Errors
    /// The pattern is not valid.
    pub fn register_native(&self, pattern: &str) -> Result<NativeGuard, CapsuleError> {
        let parsed = AccessPattern::host(pattern)
            .map_err(|e| CapsuleError::host(format!("pattern {pattern:?}: {e}")))?;
        Ok(self.0.dispatcher.register_native(parsed))
    }

    /// What the dispatcher holds and did.
    #[must_use]
    pub fn dispatched(&self) -> astrid_dispatch::Stats {
        self.0.dispatcher.stats()
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
        Principal::parse(principal)
            .map_or(0, |principal| self.0.principals.fuel.ledger().total(Some(&principal)))
    }

    /// Memory growth that was refused since the runtime started.
    #[must_use]
    pub fn memory_denied(&self) -> u64 {
        self.0.memory.denied.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("home", &self.0.home.root()).finish_non_exhaustive()
    }
}
