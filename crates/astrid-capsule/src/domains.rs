//! The domains' contexts of one capsule: made once per load, opened once per store.

use std::sync::Arc;

use astrid_capsule_manifest::{CapsuleManifest, EnvDefault, EnvKind};
use astrid_event_bus::{Bus, Gate, Message};
use astrid_host_context::{CallContext, CapsuleId, Principal};
use astrid_host_http::HttpCtx;
use astrid_host_io::IoCtx;
use astrid_host_ipc::{ContextResolver, Handler, IpcCtx, RecvIdle};
use astrid_host_kv::KvCtx;
use astrid_host_sys::SysCtx;
use tokio::sync::watch;
use uuid::Uuid;

use crate::header_secrets::HeaderSecrets;
use crate::runtime::Inner;
use crate::wasm::{Domains, Tokens};

/// Who a capsule is.
pub(crate) struct Identity {
    pub(crate) id: CapsuleId,
    pub(crate) uuid: Uuid,
    pub(crate) owner: Principal,
}

/// What each store's domain contexts are made of.
pub(crate) struct DomainKit {
    sys: SysCtx,
    kv: KvCtx,
    http: HttpCtx,
    bus: Bus,
    gate: Gate,
    handlers: Vec<Handler>,
    recv_idle: RecvIdle,
    contexts: Arc<Contexts>,
}

impl DomainKit {
    pub(crate) fn new(
        runtime: &Inner,
        manifest: &CapsuleManifest,
        gate: &Gate,
        tokens: &Arc<Tokens>,
    ) -> (Self, watch::Receiver<bool>) {
        let (ready, signalled) = watch::channel(false);
        let handlers = manifest.bindings.iter().map(|binding| Handler {
            action: binding.action.clone(),
            topic: binding.pattern.as_str().to_owned(),
            priority: binding.priority,
        });
        let kit = Self {
            sys: sys(runtime, manifest, ready),
            kv: KvCtx::builder().store(runtime.store.clone()).build(),
            http: HttpCtx::builder(runtime.http.clone())
                .secrets(Arc::new(HeaderSecrets::new(runtime.secrets.clone(), manifest)))
                .build(),
            bus: runtime.bus.clone(),
            gate: gate.clone(),
            handlers: handlers.collect(),
            recv_idle: runtime.config.recv_idle,
            contexts: Arc::new(Contexts(tokens.clone())),
        };
        (kit, signalled)
    }

    /// The contexts of one store, whose own context between calls is `own`.
    pub(crate) fn open(&self, own: &CallContext) -> Domains {
        let ipc = IpcCtx::builder(self.bus.clone(), own.clone())
            .gate(self.gate.clone())
            .handlers(self.handlers.clone())
            .recv_idle(self.recv_idle)
            .resolver(self.contexts.clone());
        Domains {
            io: IoCtx::new(),
            sys: self.sys.for_new_store(),
            kv: self.kv.clone(),
            ipc: ipc.build(),
            http: self.http.clone(),
        }
    }
}

fn sys(runtime: &Inner, manifest: &CapsuleManifest, ready: watch::Sender<bool>) -> SysCtx {
    let mut sys = SysCtx::builder()
        .capabilities(manifest.capabilities.held_names().into_iter().map(str::to_owned))
        .registry(runtime.registry.clone())
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
    sys.build()
}

/// A default as the guest reads it: text as it is, a list as JSON.
fn text(default: Option<&EnvDefault>) -> String {
    match default {
        None => String::new(),
        Some(EnvDefault::Text(text)) => text.clone(),
        Some(EnvDefault::List(list)) => serde_json::Value::from(list.clone()).to_string(),
    }
}

/// A run loop's next context: the message's principal under the token that ends that principal's calls.
struct Contexts(Arc<Tokens>);

impl ContextResolver for Contexts {
    fn resolve(&self, own: &CallContext, message: &Message) -> CallContext {
        let principal = message.authority().or(own.principal());
        let call = own
            .to_builder()
            .caller(Some(message.caller_for(own.capsule_uuid())))
            .cancellation(self.0.of(principal));
        match principal {
            Some(principal) => call.principal(principal.clone()),
            None => call,
        }
        .build()
    }
}
