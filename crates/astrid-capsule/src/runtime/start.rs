//! Starting a runtime: what is opened, and what is joined to what.

use std::path::PathBuf;
use std::sync::Arc;

use astrid_cron::{CronService, SystemClock};
use astrid_dispatch::Dispatcher;
use astrid_event_bus::Bus;
use astrid_host_context::{AuditSink, DenyAll, HostServices, JsonLines, Principal};
use astrid_host_fs::BlockingPool;
use astrid_host_kv::Store;
use astrid_host_sys::{FileSecrets, LogRouter, LogSettings, SecretStore};
use astrid_security_gate::{ProfileGate, Roots};
use astrid_store_redb::RedbStore;
use parking_lot::Mutex;
use tokio::sync::RwLock;
use wasmtime::component::Linker;

use super::events;
use super::follow::{Follower, Stamp};
use super::health::Health;
use super::job_store::KvJobs;
use super::jobs::Actions;
use super::overlay::Kept;
use super::registry::Registry;
use super::{Inner, RuntimeBuilder, mounts, network};
use crate::approval::{Approval, Consents};
use crate::cache::CompileCache;
use crate::elicit::Elicitation;
use crate::engine::WasmHost;
use crate::inbound::{self, LiveLinks};
use crate::net::Network;
use crate::principal::{ByProfile, Held, ProfileKeys, ProfileRestrictions, Queues};
use crate::users::{StoredLinks, Users};
use crate::{CapsuleError, Config, Home, Kernel};

/// The principal that owns what this host runs unless the embedder names another (principals chapter §1).
const DEFAULT_OWNER: &str = "default";
/// The audit file rotates at this size and keeps this many older ones: a day of a busy host.
const AUDIT_BYTES: u64 = 64 << 20;
const AUDIT_KEEP: u32 = 4;

impl RuntimeBuilder {
    /// Opens home and store and joins the parts; blocks for the disk, on a thread of tokio's. Gives who
    /// follows the configuration's file, where it was one.
    pub(super) fn start(self) -> Result<(Inner, Option<Follower>), CapsuleError> {
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
            identity_store,
            inbound_to_embedder,
            overlay,
            consent,
            launcher,
        } = self;
        let owner = owner.as_deref().unwrap_or(DEFAULT_OWNER);
        let owner = Principal::parse(owner).map_err(CapsuleError::host)?;
        let workspace = workspace.unwrap_or_else(|| PathBuf::from("."));
        mounts::check(&workspace)?;
        let home = Home::open(&home.map_or_else(Home::default_root, Ok)?)?;
        let roots = Roots::resolve(Some(&workspace), Some(home.root()));
        let file = home.etc().join("config.toml");
        // Before it is read: what changes meanwhile is seen later.
        let stamp = config.is_none().then(|| Stamp::of(&file));
        let mut config = match config {
            Some(config) => config,
            None => Config::from_file(&file).map_err(CapsuleError::host)?,
        };
        let opened = mounts::workspace(&workspace, config.workspace_ignore_file)?;
        config.allow_unverified |= allow_unverified;
        config.local_egress.merge(local_egress.clone());
        let store = RedbStore::open(home.state().join("kv"), &config.kv).map_err(CapsuleError::host)?;
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
        let bus = Bus::builder().interceptors(dispatcher.clone()).build();
        dispatcher.attach(&bus);
        let queues = Arc::new(Queues { dispatcher: Arc::downgrade(&dispatcher), bus: bus.downgrade() });
        principals.revocations.watch(&queues);
        dispatcher.watch(&bus, registry.clone());
        let users = Users::open(&home, &config, &principals, identity_store);
        let links = links.unwrap_or_else(|| Arc::new(StoredLinks(users.identities.clone())));
        let links = Arc::new(LiveLinks { links, principals: principals.clone() });
        let sessions = inbound::sessions(&bus, &registry)?;
        let store = Arc::new(store);
        let airlock = network::airlock(&config);
        let directories = Arc::new(mounts::of(opened, overlays.as_deref(), &principals));
        let keys = Arc::new(ProfileKeys(principals.clone()));
        let kept: Arc<dyn Store> = store.clone();
        let consents = Consents::open(&home, &kept)?;
        let named = config.uplink_control.clone();
        let net = Network::start(&home, airlock.clone(), keys.clone(), named, consents.clone())?;
        network::warn_of_workspace(&workspace);
        let http = network::http_client(&airlock, &config)?;
        let (processes, sandbox) =
            crate::process::start(launcher, (&home, &workspace), &config, &principals, &bus)?;
        let held = Arc::new(Held {
            processes: processes.clone(),
            connections: net.connections.clone(),
            http: http.clone(),
            directories: directories.clone(),
            consents: consents.clone(),
        });
        principals.revocations.watch(&held);
        let secrets: Arc<dyn SecretStore> = Arc::new(FileSecrets::new(home.state().join("secrets")));
        let asked = (&dispatcher, &net.connections);
        let elicitation = Elicitation::new(&bus, asked, &secrets, config.elicit_interactive);
        let approval = Approval::new(&bus, asked, (&consents, &kept), &workspace)?;
        let actions =
            Actions { registry: registry.clone(), dispatcher: dispatcher.clone(), bus: bus.clone() };
        let follower = stamp.map(|stamp| Follower::new(file, stamp, &airlock, local_egress));
        let inner = Inner {
            cache: CompileCache::new(host.clone(), &home, &config),
            cron: CronService::new(SystemClock::new(), KvJobs::new(store.clone())?, actions),
            reserved: Arc::new(events::reserved()),
            exempt: exempt.unwrap_or_else(|| principals.clone()),
            health: Health::default(),
            lifecycle: Arc::default(),
            installs: Arc::default(),
            turns: super::install::Turns::default(),
            exclusive: RwLock::default(),
            tasks: Mutex::default(),
            _queues: queues,
            _held: held,
            bus: bus.clone(),
            // Each capsule replaces the gate by its own; what reaches no capsule is denied.
            services: HostServices::new(Arc::new(DenyAll), principals.quota.clone(), audit),
            principals: principals.clone(),
            profiles: ProfileGate::new(ProfileRestrictions::new(principals.clone())),
            memory: Arc::default(),
            mounts: directories,
            file_threads: config
                .host_blocking_concurrency
                .map_or_else(BlockingPool::shared, BlockingPool::new),
            overlays,
            registry,
            store,
            secrets,
            elicitation,
            approval,
            consent: consent.unwrap_or_else(|| network::consent(&config, &bus, &consents)),
            http,
            keys,
            by_profile,
            net,
            processes,
            sandbox,
            links,
            users,
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
        };
        Ok((inner, follower))
    }
}

fn audit_file(home: &Home) -> Result<Arc<dyn AuditSink>, CapsuleError> {
    let dir = home.log();
    let failed = |error| CapsuleError::host(format!("audit log in {}: {error}", dir.display()));
    crate::home::private_dir(&dir).map_err(failed)?;
    let sink = JsonLines::open(dir.join("audit.jsonl"), AUDIT_BYTES, AUDIT_KEEP).map_err(failed)?;
    Ok(Arc::new(sink))
}
