//! Starting a runtime: what is opened, and what is joined to what.

use std::path::PathBuf;
use std::sync::Arc;

use astrid_cron::{CronService, SystemClock};
use astrid_dispatch::Dispatcher;
use astrid_event_bus::Bus;
use astrid_host_context::{AuditSink, DenyAll, HostServices, JsonLines, Principal};
use astrid_host_sys::{FileSecrets, LogRouter, LogSettings};
use astrid_host_uplink::MemoryLinks;
use astrid_security_gate::{ProfileGate, Roots};
use astrid_store_redb::{Options as StoreOptions, RedbStore};
use parking_lot::Mutex;
use wasmtime::component::Linker;

use super::events;
use super::health::Health;
use super::job_store::KvJobs;
use super::jobs::Actions;
use super::overlay::Kept;
use super::registry::Registry;
use super::{Inner, RuntimeBuilder, mounts, network};
use crate::cache::CompileCache;
use crate::engine::WasmHost;
use crate::inbound::{self, LiveLinks};
use crate::net::Network;
use crate::principal::{ByProfile, Held, ProfileRestrictions, Queues};
use crate::{CapsuleError, Config, Home, Kernel};

/// The principal that owns what this host runs unless the embedder names another (principals chapter §1).
const DEFAULT_OWNER: &str = "default";
/// The audit file rotates at this size and keeps this many older ones: a day of a busy host.
const AUDIT_BYTES: u64 = 64 << 20;
const AUDIT_KEEP: u32 = 4;

impl RuntimeBuilder {
    /// Opens home and store and joins the parts; blocks for the disk, on a thread of tokio's.
    pub(super) fn start(self) -> Result<Inner, CapsuleError> {
        let Self {
            home,
            workspace,
            owner,
            config,
            allow_unverified,
            local_egress,
            audit,
            exempt,
            access,
            limits,
            links,
            inbound_to_embedder,
            overlay,
        } = self;
        let owner = owner.as_deref().unwrap_or(DEFAULT_OWNER);
        let owner = Principal::parse(owner).map_err(CapsuleError::host)?;
        let workspace = workspace.unwrap_or_else(|| PathBuf::from("."));
        mounts::check(&workspace)?;
        let home = Home::open(&home.map_or_else(Home::default_root, Ok)?)?;
        let roots = Roots::resolve(Some(&workspace), Some(home.root()));
        let mut config = match config {
            Some(config) => config,
            None => Config::from_file(&home.etc().join("config.toml")).map_err(CapsuleError::host)?,
        };
        let opened = mounts::workspace(&workspace, config.workspace_ignore_file)?;
        config.allow_unverified |= allow_unverified;
        config.local_egress.merge(local_egress);
        let store =
            RedbStore::open(home.state().join("kv"), &StoreOptions::default()).map_err(CapsuleError::host)?;
        let logs = LogRouter::open(home.root(), LogSettings::default()).map_err(CapsuleError::host)?;
        // The owner is the one principal that is known before anybody registers.
        logs.register(&owner).map_err(CapsuleError::host)?;
        let audit = match audit {
            Some(sink) => sink,
            None => audit_file(&home)?,
        };
        let (principals, largest) = crate::principal::open(&home, &owner, &config)?;
        let principals = Arc::new(principals);
        let overlays = match overlay {
            true => Some(Arc::new(Kept::new(opened.clone(), &workspace, &home, &principals, &owner)?)),
            false => None,
        };
        // Slots of the pooling allocator are as large as the largest memory a profile allows now.
        let host = WasmHost::new(&Config { max_memory_bytes: largest, ..config.clone() })?;
        let mut linker = Linker::new(host.engine());
        Kernel::add_to_linker(&mut linker).map_err(CapsuleError::host)?;
        let registry = Arc::new(Registry::default());
        let by_profile = Arc::new(ByProfile::new(principals.clone()));
        let dispatcher = Dispatcher::builder()
            .access(access.unwrap_or_else(|| by_profile.clone()))
            .limits(limits.unwrap_or_else(|| by_profile.clone()))
            .audit(audit.clone())
            .build(tokio::runtime::Handle::current());
        let dispatcher = Arc::new(dispatcher);
        let queues = Arc::new(Queues(Arc::downgrade(&dispatcher)));
        principals.revocations.watch(&queues);
        let bus = Bus::builder().interceptors(dispatcher.clone()).build();
        dispatcher.attach(&bus);
        dispatcher.watch(&bus, registry.clone());
        let links = links.unwrap_or_else(|| Arc::new(MemoryLinks::new()));
        let links = Arc::new(LiveLinks { links, principals: principals.clone() });
        let sessions = inbound::sessions(&bus, &registry)?;
        let store = Arc::new(store);
        let airlock = network::airlock(&config);
        let directories = Arc::new(mounts::of(opened, overlays.as_deref(), &principals));
        let net = Network::start(&home, airlock.clone())?;
        let held = Arc::new(Held { connections: net.connections.clone(), directories: directories.clone() });
        principals.revocations.watch(&held);
        let actions =
            Actions { registry: registry.clone(), dispatcher: dispatcher.clone(), bus: bus.clone() };
        Ok(Inner {
            cache: CompileCache::new(host.clone(), &home, &config),
            cron: CronService::new(SystemClock::new(), KvJobs::new(store.clone())?, actions),
            reserved: Arc::new(events::reserved()),
            exempt: exempt.unwrap_or_else(|| principals.clone()),
            health: Health::default(),
            tasks: Mutex::default(),
            _queues: queues,
            _held: held,
            bus,
            // Each capsule replaces the gate by its own; what reaches no capsule is denied.
            services: HostServices::new(Arc::new(DenyAll), principals.quota.clone(), audit),
            principals: principals.clone(),
            profiles: ProfileGate::new(ProfileRestrictions::new(principals.clone())),
            memory: Arc::default(),
            mounts: directories,
            overlays,
            registry,
            store,
            secrets: Arc::new(FileSecrets::new(home.state().join("secrets"))),
            http: network::http_client(&airlock, &config)?,
            net,
            links,
            sessions,
            inbound_to_embedder,
            logs,
            dispatcher,
            linker,
            host,
            owner,
            home,
            roots,
            config,
        })
    }
}

fn audit_file(home: &Home) -> Result<Arc<dyn AuditSink>, CapsuleError> {
    let dir = home.log();
    let failed = |error| CapsuleError::host(format!("audit log in {}: {error}", dir.display()));
    crate::home::private_dir(&dir).map_err(failed)?;
    let sink = JsonLines::open(dir.join("audit.jsonl"), AUDIT_BYTES, AUDIT_KEEP).map_err(failed)?;
    Ok(Arc::new(sink))
}
