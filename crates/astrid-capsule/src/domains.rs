//! The domains' contexts of one capsule: made once per load, opened once per store.

use std::sync::Arc;
use std::time::Duration;

use astrid_capsule_manifest::{CapsuleManifest, EnvDefault, EnvKind, UplinkProfile};
use astrid_event_bus::{Bus, Charset, Gate};
use astrid_host_approval::ApprovalCtx;
use astrid_host_context::{CallContext, CapsuleId, Principal, Uuid};
use astrid_host_elicit::ElicitCtx;
use astrid_host_fs::FsCtx;
use astrid_host_http::HttpCtx;
use astrid_host_identity::IdentityCtx;
use astrid_host_io::IoCtx;
use astrid_host_ipc::{ActFor, Handler, InFlight, IpcCtx, RecvIdle, ReservedTopics, Residency};
use astrid_host_kv::{KvCtx, Store};
use astrid_host_net::NetCtx;
use astrid_host_process::ProcessCtx;
use astrid_host_request_context::RequestContextCtx;
use astrid_host_sys::{SysCtx, SysCtxBuilder};
use astrid_host_uplink::{Endpoint, InboundRx, Name, Platform, Profile, UplinkCtx, Uplinks};
use astrid_principals::{Principals, Tokens};
use tokio::sync::watch;

use crate::header_secrets::HeaderSecrets;
use crate::net::UplinkFrames;
use crate::outbound::Answers;
use crate::principal::{Contexts, FileOverlay};
use crate::runtime::Inner;
use crate::wasm::Domains;
use crate::{CapsuleError, Code};

/// Who a capsule is.
pub(crate) struct Identity {
    pub(crate) id: CapsuleId,
    pub(crate) uuid: Uuid,
    pub(crate) owner: Principal,
}

/// What a capsule is there for while the kit is in use.
pub(crate) enum Role {
    /// To serve events, with its loop in some stores.
    Serving {
        /// In how many.
        workers: usize,
        /// The component's hash.
        component: blake3::Hash,
    },
    /// For one lifecycle call: without handlers and without a socket of its own.
    Hook {
        /// Where it finds and leaves its values.
        kv: Arc<dyn Store>,
        /// The version it replaces.
        from: Option<String>,
        /// How it asks people, and where their secrets go.
        elicit: ElicitCtx,
        /// The component's hash.
        component: blake3::Hash,
    },
}

/// The configuration key under which an upgrade hook, and nobody else, finds the version it comes from.
const PREV_VERSION: &str = "prev_version";

/// What each store's domain contexts are made of.
pub(crate) struct DomainKit {
    approval: ApprovalCtx,
    elicit: ElicitCtx,
    fs: FsCtx,
    identity: IdentityCtx,
    sys: SysCtx,
    kv: KvCtx,
    http: HttpCtx,
    bus: Bus,
    gate: Gate,
    handlers: Vec<Handler>,
    recv_idle: RecvIdle,
    charset: Charset,
    publish_wait: Duration,
    act_for: ActFor,
    reserved: Arc<ReservedTopics>,
    tokens: Arc<Tokens>,
    principals: Arc<Principals>,
    /// A snapshot of the load: a capsule keeps what it was loaded with until it is loaded again.
    reads_all_audit: bool,
    residency: Residency,
    net: NetCtx,
    process: ProcessCtx,
    /// The load's session id.
    uuid: Uuid,
    is_uplink: bool,
    uplink: UplinkCtx,
}

/// What the kernel holds of a load, for the guests' other ends.
pub(crate) struct Ends {
    /// Becomes true when the guest calls `signal-ready`.
    pub(crate) ready: watch::Receiver<bool>,
    pub(crate) inbound: InboundRx,
}

impl DomainKit {
    pub(crate) fn new(
        runtime: &Inner,
        manifest: &CapsuleManifest,
        identity: &Identity,
        gate: &Gate,
        tokens: &Arc<Tokens>,
        role: Role,
    ) -> Result<(Self, Ends), CapsuleError> {
        let (ready, signalled) = watch::channel(false);
        let (uplinks, inbound) = Uplinks::new();
        declare(&uplinks, manifest, &runtime.config.blocked_platforms)?;
        let sys = sys(runtime, manifest, ready);
        let (sys, kv, net, handlers, elicit, component) = match role {
            Role::Serving { workers, component } => {
                let (net, socket) = runtime.net.open(manifest, &runtime.bus, workers)?;
                let sys = socket.into_iter().fold(sys, |sys, path| sys.socket_path(path));
                let elicit = runtime.elicitation.serving().component(&component.to_hex()).build();
                (sys, runtime.store.clone() as Arc<dyn Store>, net, handlers(manifest), elicit, component)
            }
            Role::Hook { kv, from, elicit, component } => {
                let net = runtime.net.outgoing(&runtime.bus).build();
                (sys.pin(PREV_VERSION, from), kv, net, Vec::new(), elicit, component)
            }
        };
        let kit = Self {
            approval: runtime.approval.ctx(&component),
            elicit,
            identity: IdentityCtx::builder(runtime.users.identities.clone())
                .component(&component.to_hex())
                .build(),
            fs: FsCtx::builder().mounts(runtime.mounts.clone()).pool(runtime.file_threads.clone()).build(),
            sys: sys.build(),
            kv: KvCtx::builder().store(kv).build(),
            http: HttpCtx::builder(runtime.http.clone())
                .secrets(Arc::new(HeaderSecrets::new(runtime.secrets.clone(), manifest)))
                .consent(runtime.consent.clone())
                .build(),
            bus: runtime.bus.clone(),
            gate: gate.clone(),
            handlers,
            recv_idle: runtime.config.recv_idle_of(&manifest.package.name),
            charset: runtime.config.topic_charset,
            publish_wait: runtime.config.publish_wait,
            act_for: runtime.config.act_for.get(&*manifest.package.name).cloned().unwrap_or_default(),
            reserved: runtime.reserved.clone(),
            tokens: tokens.clone(),
            principals: runtime.principals.clone(),
            reads_all_audit: runtime.principals.holds(&identity.owner, "audit:read_all"),
            residency: if runtime.config.system_resident.contains(&*manifest.package.name) {
                Residency::SystemResident
            } else {
                Residency::Owned
            },
            net,
            process: ProcessCtx::builder(runtime.processes.clone()).component(&component.to_hex()).build(),
            uuid: identity.uuid,
            is_uplink: manifest.capabilities.uplink,
            uplink: uplink(runtime, manifest, uplinks),
        };
        Ok((kit, Ends { ready: signalled, inbound }))
    }

    /// The contexts of one store, whose own context between calls is `own`.
    pub(crate) fn open(&self, own: &CallContext) -> Domains {
        let ipc = IpcCtx::builder(self.bus.clone(), own.clone())
            .gate(self.gate.clone())
            .handlers(self.handlers.clone())
            .recv_idle(self.recv_idle)
            .charset(self.charset)
            .publish_wait(self.publish_wait)
            .act_for(self.act_for.clone())
            .reserved(self.reserved.clone())
            .reads_all_audit(self.reads_all_audit)
            .residency(self.residency)
            .resolver(Arc::new(Contexts::new(self.tokens.clone(), self.principals.clone())));
        // What an uplink's store read last is evidence for what it publishes next, in that store alone.
        let (ipc, net) = if self.is_uplink {
            let frames = InFlight::new();
            let net = self.net.observed(Arc::new(UplinkFrames(frames.clone())));
            let answers = Arc::new(Answers(self.uplink.uplinks().clone()));
            (ipc.evidence(Arc::new(frames)).deliveries(answers), net)
        } else {
            (ipc, self.net.clone())
        };
        Domains {
            approval: self.approval.clone(),
            elicit: self.elicit.clone(),
            fs: self.fs.clone(),
            identity: self.identity.clone(),
            io: IoCtx::new(),
            sys: self.sys.for_new_store(),
            kv: self.kv.clone(),
            ipc: ipc.build(),
            http: self.http.clone(),
            net,
            process: self.process.clone(),
            request_context: RequestContextCtx,
            uplink: self.uplink.clone(),
        }
    }

    /// The capsule's endpoints, in no order.
    pub(crate) fn uplinks(&self) -> Vec<Arc<Endpoint>> {
        self.uplink.uplinks().list()
    }

    /// An answer went to the capsule.
    pub(crate) fn note_outbound(&self, session: &str, text: &str) {
        self.uplink.uplinks().note_outbound(session, text);
    }

    /// Ends what must not outlive the load.
    pub(crate) fn end(&self) {
        self.uplink.uplinks().end();
        self.process.processes().end_load(self.uuid);
    }
}

/// Registers the `[[uplink]]` tables, except those of platforms that the operator blocks.
fn declare(uplinks: &Uplinks, manifest: &CapsuleManifest, blocked: &[Platform]) -> Result<(), CapsuleError> {
    for declared in &manifest.uplinks {
        let invalid = |error: &dyn std::fmt::Display| {
            let problem = format!("[[uplink]] {:?} on {:?}: {error}", declared.name, declared.platform);
            CapsuleError::new(Code::Manifest, problem)
        };
        let name = Name::parse(&declared.name).map_err(|error| invalid(&error))?;
        let platform = Platform::parse(&declared.platform).map_err(|error| invalid(&error))?;
        if blocked.contains(&platform) {
            tracing::warn!(
                target: "astrid.security",
                capsule = %manifest.package.name,
                platform = platform.as_str(),
                "a declared endpoint is left out: the operator blocks the platform in [security].blocked_platforms"
            );
            continue;
        }
        let profile = match declared.profile {
            UplinkProfile::Chat => Profile::Chat,
            UplinkProfile::Interactive => Profile::Interactive,
            UplinkProfile::Notify => Profile::Notify,
            UplinkProfile::Bridge => Profile::Bridge,
            other => return Err(invalid(&format!("the profile {} is not known here", other.as_str()))),
        };
        uplinks.declare(name, platform, profile).map_err(|error| invalid(&error))?;
    }
    Ok(())
}

fn uplink(runtime: &Inner, manifest: &CapsuleManifest, uplinks: Arc<Uplinks>) -> UplinkCtx {
    let trusted = runtime.config.uplink_platforms.get(&*manifest.package.name);
    UplinkCtx::builder(uplinks)
        .links(runtime.links.clone())
        .sessions(runtime.sessions.clone())
        .trusted_platforms(trusted.into_iter().flatten().cloned())
        .build()
}

/// What the guest is told of its handlers.
fn handlers(manifest: &CapsuleManifest) -> Vec<Handler> {
    let handlers = manifest.bindings.iter().map(|binding| Handler {
        action: binding.action.clone(),
        topic: binding.pattern.as_str().to_owned(),
        priority: binding.priority,
    });
    handlers.collect()
}

fn sys(runtime: &Inner, manifest: &CapsuleManifest, ready: watch::Sender<bool>) -> SysCtxBuilder {
    let mut sys = SysCtx::builder()
        .capabilities(manifest.capabilities.held_names().into_iter().map(str::to_owned))
        .registry(runtime.registry.clone())
        .overlay(Arc::new(FileOverlay(runtime.principals.env.clone())))
        .secrets(runtime.secrets.clone())
        .log(Arc::new(runtime.logs.clone()))
        .ready(ready);
    for (key, env) in &manifest.env {
        sys = match (env.kind, &env.default) {
            (EnvKind::Secret, _) => sys.secret_key(key),
            // A key without a stored value and without a default reads as the empty string.
            (_, default) => sys.config(key, text(default.as_ref())),
        };
    }
    sys
}

/// A default as the guest reads it: text as it is, a list as JSON.
fn text(default: Option<&EnvDefault>) -> String {
    match default {
        None => String::new(),
        Some(EnvDefault::Text(text)) => text.clone(),
        Some(EnvDefault::List(list)) => serde_json::Value::from(list.clone()).to_string(),
    }
}
