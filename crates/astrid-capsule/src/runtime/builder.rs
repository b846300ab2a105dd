//! Settings of a runtime.

use std::path::PathBuf;
use std::sync::Arc;

use astrid_airlock::LocalEgress;
use astrid_dispatch::{Access, Limits};
use astrid_host_context::AuditSink;
use astrid_host_http::Consent;
use astrid_host_identity::IdentityStore;
use astrid_host_process::Launcher;
use astrid_host_uplink::Links;

use super::{Runtime, install, jobs};
use crate::{CapsuleError, Config, Exempt};

/// Builds a [`Runtime`].
#[derive(Default)]
pub struct RuntimeBuilder {
    pub(super) home: Option<PathBuf>,
    pub(super) workspace: Option<PathBuf>,
    pub(super) owner: Option<String>,
    pub(super) config: Option<Config>,
    pub(super) allow_unverified: bool,
    pub(super) local_egress: LocalEgress,
    pub(super) audit: Option<Arc<dyn AuditSink>>,
    pub(super) exempt: Option<Arc<dyn Exempt>>,
    pub(super) access: Option<Arc<dyn Access>>,
    pub(super) limits: Option<Arc<dyn Limits>>,
    pub(super) links: Option<Arc<dyn Links>>,
    pub(super) identity_store: Option<Arc<dyn IdentityStore>>,
    pub(super) inbound_to_embedder: bool,
    pub(super) overlay: bool,
    pub(super) consent: Option<Arc<dyn Consent>>,
    pub(super) launcher: Option<Arc<dyn Launcher>>,
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

    /// Lets capsules reach local endpoints beyond what the configuration says.
    #[must_use]
    pub fn allow_local(mut self, rules: LocalEgress) -> Self {
        self.local_egress.merge(rules);
        self
    }

    /// Takes the audit records instead of the file `log/audit.jsonl` below the home.
    #[must_use]
    pub fn audit(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.audit = Some(sink);
        self
    }

    /// Says whose run loops are not bound to CPU windows. Default: those whose profile says so.
    #[must_use]
    pub fn exempt(mut self, exempt: Arc<dyn Exempt>) -> Self {
        self.exempt = Some(exempt);
        self
    }

    /// Who may invoke which capsules' tools and commands. Default: as their profiles say.
    #[must_use]
    pub fn access(mut self, access: Arc<dyn Access>) -> Self {
        self.access = Some(access);
        self
    }

    /// How much principals may have under way. Default: as their profiles say.
    #[must_use]
    pub fn limits(mut self, limits: Arc<dyn Limits>) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Keeps users and their links. Default: a database in `state/identity` below the home, which no interface of
    /// a capsule but `astrid:identity` reaches.
    #[must_use]
    pub fn identity_store(mut self, store: Arc<dyn IdentityStore>) -> Self {
        self.identity_store = Some(store);
        self
    }

    /// Knows which principals the accounts of outside platforms speak for, for uplinks. Default: the identity
    /// store.
    #[must_use]
    pub fn links(mut self, links: Arc<dyn Links>) -> Self {
        self.links = Some(links);
        self
    }

    /// Leaves what uplinks bring in to [`Runtime::take_inbound`]. Else the runtime publishes it on
    /// `user.v1.prompt`.
    #[must_use]
    pub fn inbound_to_embedder(mut self, theirs: bool) -> Self {
        self.inbound_to_embedder = theirs;
        self
    }

    /// Keeps what each principal changes in the workspace apart, below `state/overlay` in the home, until
    /// [`Runtime::overlay_commit`] or [`Runtime::overlay_rollback`]; nobody sees another's changes before.
    /// Principals who are not registered have no workspace then, and processes that capsules start see it
    /// without the changes. Default: capsules write to the workspace itself.
    #[must_use]
    pub fn overlay(mut self, apart: bool) -> Self {
        self.overlay = apart;
        self
    }

    /// Asks this about http requests to local addresses that no rule admits. Default: with
    /// [`Config::http_asks_about_local`] whoever made the capsule send them, on `astrid.v1.approval`; else
    /// nobody.
    #[must_use]
    pub fn consent(mut self, consent: Arc<dyn Consent>) -> Self {
        self.consent = Some(consent);
        self
    }

    /// Starts the processes of capsules. Default: the sandbox that [`Config::process_sandbox`] names, with this
    /// program as its shim; none is started by a program that does not call
    /// `astrid_process_sandbox::shim::enter_if_asked` first thing in its `main`.
    #[must_use]
    pub fn launcher(mut self, launcher: Arc<dyn Launcher>) -> Self {
        self.launcher = Some(launcher);
        self
    }

    /// Opens home and store, ends installations that were cut short, and starts the engine.
    ///
    /// # Errors
    /// The home cannot be written, its configuration is wrong, the store is locked by another process or
    /// damaged, or the owner's name is not valid.
    pub async fn build(self) -> Result<Runtime, CapsuleError> {
        let started = tokio::task::spawn_blocking(move || self.start()).await;
        let (inner, follower) = started.map_err(CapsuleError::host)??;
        let inner = Arc::new(inner);
        inner.approval.recover(&inner.services, &inner.home).await;
        install::recover(&inner).await;
        jobs::serve(&inner)?;
        tokio::spawn(crate::principal::sweep(Arc::downgrade(&inner.keys), inner.net.connections.clone()));
        inner.net.follow_rules();
        let cancellations = crate::process::listen(&inner.bus, &inner.processes)?;
        inner.tasks.lock().push(cancellations);
        if let Some(follower) = follower {
            inner.tasks.lock().push(tokio::spawn(follower.run()).abort_handle());
        }
        Ok(Runtime(inner))
    }
}
