//! One capsule's component: its pool, its run loop, its end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::{CapsuleId, Principal};
use astrid_host_uplink::{Endpoint, InboundRx};
use astrid_principals::{RevocationHook, Tokens};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::run_loop::{RunLoop, RunSettings};
use super::store::Template;
use super::traps::Traps;
use crate::inbound::Queue;
use crate::pool::{Mode, Pool, Unavailable};
use crate::{Exclusive, HandlerResult, Invoker, Readiness};

/// How long a cancelled call or run loop may take to end by itself before it is dropped.
const GRACE: Duration = Duration::from_secs(2);
/// Unknown answers warned of per capsule; a guest that makes up ever new ones is heard often enough by then.
const MAX_WARNED: usize = 64;

/// What an engine is made of.
pub(crate) struct Parts {
    pub(crate) template: Template,
    pub(crate) tokens: Arc<Tokens>,
    /// Wall clock that a run loop's CPU windows are cut from; handlers have their principal's.
    pub(crate) timeout: Duration,
    pub(crate) pool_size: usize,
    /// How many instances a principal has.
    pub(crate) mode: Mode,
    pub(crate) is_uplink: bool,
    pub(crate) run: RunSettings,
    /// Fires when the guest calls `signal-ready`.
    pub(crate) ready: watch::Receiver<bool>,
    /// What the capsule brings in from outside platforms.
    pub(crate) inbound: Queue,
    /// Keeps the compiled code in the memory cache while it is in use.
    pub(crate) _code: Arc<dyn std::any::Any + Send + Sync>,
}

/// Runs one component.
pub(crate) struct WasmEngine {
    pub(super) parts: Parts,
    pub(super) pool: Arc<Pool<Template>>,
    run_loop: Option<RunLoop>,
    evictor: AbortHandle,
    warned: Mutex<HashSet<String>>,
    pub(super) traps: Traps,
}

impl WasmEngine {
    /// Must be called on a tokio runtime: the pool's evictor is a task.
    pub(crate) fn new(parts: Parts) -> Self {
        let pool = Arc::new(Pool::new(parts.template.clone(), parts.pool_size, parts.mode));
        parts.template.principals.revocations.watch(&pool);
        let evictor = tokio::spawn(pool.evict_periodically()).abort_handle();
        let has_run = parts.template.guest.exports().has_run;
        let run_loop = has_run.then(|| RunLoop::new(parts.ready.clone(), parts.run.clone()));
        Self { parts, pool, run_loop, evictor, warned: Mutex::default(), traps: Traps::default() }
    }

    pub(crate) fn id(&self) -> &CapsuleId {
        self.parts.template.idle.capsule()
    }

    /// Whether there is anything to call for an event.
    pub(crate) fn has_handlers(&self) -> bool {
        self.parts.template.guest.exports().has_hook
    }

    /// Makes one instance, to find out at load whether the capsule can run at all.
    pub(crate) async fn warm_up(&self) -> wasmtime::Result<()> {
        let owner = self.parts.template.idle.principal().cloned();
        let lease = self.pool.checkout(owner.as_ref(), None).await;
        match lease {
            Ok(lease) => {
                lease.give_back();
                Ok(())
            }
            Err(Unavailable::Make(error)) => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// Waits for the handlers that run and lets none begin until the permit is dropped; `None` if that took
    /// too long. A pool that ended runs none.
    pub(crate) async fn exclusive(&self, until: Instant) -> Option<Exclusive> {
        match self.pool.exclusive(Some(until)).await {
            Ok(permit) => Some(Exclusive::of(permit)),
            Err(Unavailable::Closed) => Some(Exclusive::default()),
            Err(_) => None,
        }
    }

    pub(crate) async fn invoke_interceptor(
        &self,
        action: &str,
        payload: &Bytes,
        caller: Option<Invoker>,
    ) -> HandlerResult {
        self.invoke(action, payload, caller).await
    }

    pub(crate) fn uplinks(&self) -> Vec<Arc<Endpoint>> {
        self.parts.template.domains.uplinks()
    }

    pub(crate) fn note_outbound(&self, session: &str, text: &str) {
        self.parts.template.domains.note_outbound(session, text);
    }

    pub(crate) fn take_inbound_rx(&self) -> Option<InboundRx> {
        self.parts.inbound.take()
    }

    pub(crate) fn activate(&self) {
        self.parts.inbound.start(self.parts.tokens.capsule());
        if let Some(run_loop) = &self.run_loop {
            run_loop.start(&self.parts.template, &self.parts.tokens, self.parts.timeout);
        }
    }

    pub(crate) async fn wait_ready(&self, timeout: Duration) -> Readiness {
        match &self.run_loop {
            Some(run_loop) => run_loop.wait_ready(timeout).await,
            None => Readiness::Ready,
        }
    }

    /// Why the run loop is not running any more, if it failed.
    pub(crate) fn failure(&self) -> Option<String> {
        self.run_loop.as_ref().and_then(RunLoop::failure)
    }

    /// Why its handlers are no good at the moment, if they are not.
    pub(crate) fn degraded(&self) -> Option<String> {
        self.traps.degraded()
    }

    pub(crate) fn cancel_principal(&self, principal: &Principal) {
        self.parts.tokens.retire(principal);
    }

    /// Cancels, waits for the grace, stops what is left.
    pub(crate) async fn unload(&self) {
        self.parts.tokens.capsule().cancel();
        self.parts.template.domains.end();
        if let Some(run_loop) = &self.run_loop {
            run_loop.stop(GRACE).await;
        }
        self.pool.drain(GRACE).await;
        self.evictor.abort();
    }

    pub(super) fn warn_unknown(&self, action: &str) {
        let mut warned = self.warned.lock();
        if warned.len() < MAX_WARNED && warned.insert(action.to_owned()) {
            tracing::warn!(
                target: "astrid.capsule",
                capsule = %self.id(),
                action,
                "handler answered with an unknown action, the chain goes on; allowed: continue, modify, final, deny, abort"
            );
        }
    }
}

impl RevocationHook for Pool<Template> {
    fn revoked(&self, who: &Principal) {
        self.forget(who);
    }
}

impl Drop for WasmEngine {
    fn drop(&mut self) {
        self.parts.tokens.capsule().cancel();
        self.evictor.abort();
        self.pool.close();
    }
}
