//! Settings of a runtime, and starting it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_event_bus::Bus;
use astrid_host_context::{AuditSink, Budgets, DenyAll, HostServices, JsonLines, Principal};
use astrid_host_sys::{FileSecrets, LogRouter, LogSettings};
use astrid_store_redb::{Options as StoreOptions, RedbStore};
use wasmtime::component::Linker;

use super::{Inner, Runtime};
use crate::cache::CompileCache;
use crate::cpu::FuelBudget;
use crate::dispatch::Dispatcher;
use crate::engine::WasmHost;
use crate::{CapsuleError, Config, Home, Kernel};

/// The principal that owns what this host runs unless the embedder names another (principals chapter §1).
const DEFAULT_OWNER: &str = "default";
/// The audit file rotates at this size and keeps this many older ones: a day of a busy host.
const AUDIT_BYTES: u64 = 64 << 20;
const AUDIT_KEEP: u32 = 4;

/// Builds a [`Runtime`].
#[derive(Default)]
pub struct RuntimeBuilder {
    home: Option<PathBuf>,
    workspace: Option<PathBuf>,
    owner: Option<String>,
    config: Option<Config>,
    allow_unverified: bool,
    audit: Option<Arc<dyn AuditSink>>,
}

impl RuntimeBuilder {
    /// The host's directory: databases, keys, compiled code, logs. Default: `$ASTRID_HOME`, else `~/.astrid`.
    #[must_use]
    pub fn home(mut self, dir: impl Into<PathBuf>) -> Self {
        self.home = Some(dir.into());
        self
    }

    /// The directory capsules see as their working directory. Default: the current one.
    #[must_use]
    pub fn workspace(mut self, dir: impl Into<PathBuf>) -> Self {
        self.workspace = Some(dir.into());
        self
    }

    /// The principal capsules belong to. Default: `default`.
    #[must_use]
    pub fn owner(mut self, principal: impl Into<String>) -> Self {
        self.owner = Some(principal.into());
        self
    }

    /// Limits and choices. Default: what `etc/config.toml` below the home says ([`Config::from_file`]).
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    /// Also loads components that carry no recorded hash, whatever the configuration says. For
    /// development only.
    #[must_use]
    pub fn allow_unverified(mut self, allow: bool) -> Self {
        self.allow_unverified |= allow;
        self
    }

    /// Takes the audit records instead of the file `log/audit.jsonl` below the home.
    #[must_use]
    pub fn audit(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.audit = Some(sink);
        self
    }

    /// Opens home and store and starts the engine.
    ///
    /// # Errors
    /// The home cannot be written, its configuration is wrong, the store is locked by another process or
    /// damaged, or the owner's name is not valid.
    pub async fn build(self) -> Result<Runtime, CapsuleError> {
        let started = tokio::task::spawn_blocking(move || self.start()).await;
        Ok(Runtime(Arc::new(started.map_err(CapsuleError::host)??)))
    }

    fn start(self) -> Result<Inner, CapsuleError> {
        let Self { home, workspace, owner, config, allow_unverified, audit } = self;
        let owner = owner.as_deref().unwrap_or(DEFAULT_OWNER);
        let owner = Principal::parse(owner).map_err(CapsuleError::host)?;
        check_workspace(workspace.as_deref().unwrap_or(Path::new(".")))?;
        let home = Home::open(&home.map_or_else(default_home, Ok)?)?;
        let mut config = match config {
            Some(config) => config,
            None => Config::from_file(&home.etc().join("config.toml")).map_err(CapsuleError::host)?,
        };
        config.allow_unverified |= allow_unverified;
        let store =
            RedbStore::open(home.state().join("kv"), &StoreOptions::default()).map_err(CapsuleError::host)?;
        let logs = LogRouter::open(home.root(), LogSettings::default()).map_err(CapsuleError::host)?;
        // The owner is the one principal that is known before anybody registers.
        logs.register(&owner).map_err(CapsuleError::host)?;
        let audit = match audit {
            Some(sink) => sink,
            None => audit_file(&home)?,
        };
        let host = WasmHost::new(&config)?;
        let mut linker = Linker::new(host.engine());
        Kernel::add_to_linker(&mut linker).map_err(CapsuleError::host)?;
        let dispatcher = Arc::new(Dispatcher::default());
        Ok(Inner {
            cache: CompileCache::new(host.clone(), &home, &config),
            bus: Bus::builder().interceptors(dispatcher.clone()).build(),
            // Each capsule replaces the gate by its own; what reaches no capsule is denied.
            services: HostServices::new(Arc::new(DenyAll), Arc::new(Budgets::new()), audit),
            fuel: FuelBudget::new(config.fuel_per_second, config.fuel_per_invocation),
            memory: Arc::default(),
            registry: Arc::default(),
            store: Arc::new(store),
            secrets: Arc::new(FileSecrets::new(home.state().join("secrets"))),
            logs,
            dispatcher,
            linker,
            host,
            owner,
            home,
            config,
        })
    }
}

fn default_home() -> Result<PathBuf, CapsuleError> {
    let set = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("ASTRID_HOME").or_else(|| Some(set("HOME")?.join(".astrid"))).ok_or_else(|| {
        CapsuleError::host("no home directory: neither ASTRID_HOME nor HOME is set; name one with `home`")
    })
}

/// Nothing is linked yet that reaches the workspace; a wrong one is still said at the start and not
/// at the first capsule that needs it.
fn check_workspace(dir: &Path) -> Result<(), CapsuleError> {
    match std::fs::metadata(dir) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(CapsuleError::host(format!("workspace {}: not a directory", dir.display()))),
        Err(error) => Err(CapsuleError::host(format!(
            "workspace {}: {error}; allowed: an existing directory",
            dir.display()
        ))),
    }
}

fn audit_file(home: &Home) -> Result<Arc<dyn AuditSink>, CapsuleError> {
    let dir = home.log();
    let failed = |error| CapsuleError::host(format!("audit log in {}: {error}", dir.display()));
    crate::home::private_dir(&dir).map_err(failed)?;
    let sink = JsonLines::open(dir.join("audit.jsonl"), AUDIT_BYTES, AUDIT_KEEP).map_err(failed)?;
    Ok(Arc::new(sink))
}
