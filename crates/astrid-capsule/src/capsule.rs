//! What a loaded capsule can do for its kernel.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use astrid_capsule_manifest::{Binding, CapsuleManifest};
use astrid_host_context::{Attribution, Caller, Principal, Provenance, Trail, Uuid};
use astrid_host_uplink::{Endpoint, InboundRx};
use bytes::Bytes;

use crate::{CapsuleError, Exclusive, Timings, ToolDescriptor};

/// A future that object-safe traits return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a handler said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandlerResult {
    /// The next handler runs; non-empty bytes replace the payload for it.
    Continue(Bytes),
    /// The chain ends in success with these bytes.
    Final(Bytes),
    /// The chain ends refused. A guest that traps, spins or runs out of memory counts as refusing,
    /// so that what it guards does not go ahead because the guard crashed.
    Deny {
        /// Stable text; never a path, a backtrace or other detail.
        reason: String,
    },
}

/// Where a capsule is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Files read, nothing running.
    Unloaded,
    /// Compiling, linking.
    Loading,
    /// Handles calls.
    Ready,
    /// Handles calls, and twenty in a row failed within a minute; with the reason. Ends with the next that does not.
    Degraded(String),
    /// Calls are refused, running ones end.
    Unloading,
    /// Broken, with the reason.
    Failed(String),
}

/// How waiting for a run loop's readiness ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It signalled, or there is no run loop.
    Ready,
    /// The time was up first.
    Timeout,
    /// It ended first.
    Crashed,
}

/// For whom a handler is called.
#[derive(Debug, Clone)]
pub struct Invoker {
    /// The message being served, as the guest sees it; shared, because a kernel serves one message many times.
    pub caller: Arc<Caller>,
    /// Whose authority the handler gets; `None` is the capsule's owner.
    pub authority: Option<Principal>,
}

impl Invoker {
    /// A call the host makes for a principal it has established itself.
    #[must_use]
    pub fn verified(principal: Principal) -> Self {
        let provenance = Provenance::of(Attribution::Verified(principal.clone()));
        let caller =
            Caller { provenance, source: Uuid::nil(), at: SystemTime::now(), trail: Trail::default() };
        Self { caller: Arc::new(caller), authority: Some(principal) }
    }
}

/// A loaded capsule.
pub trait Capsule: Send + Sync {
    /// Its id, the manifest's `package.name`.
    fn id(&self) -> &str;

    /// Its manifest, normalised.
    fn manifest(&self) -> &CapsuleManifest;

    /// Its session id, the `source-id` of what it publishes: random and fresh for each load (ipc chapter §3.1).
    fn source_uuid(&self) -> Uuid;

    /// Where it is in its life.
    fn state(&self) -> State;

    /// The handlers it has, for the dispatcher.
    fn bindings(&self) -> &[Binding];

    /// What its load cost, phase by phase.
    fn timings(&self) -> &Timings;

    /// Calls the handler of `action`. Without a caller it runs as the capsule's owner.
    ///
    /// A guest that fails is an answer ([`HandlerResult::Deny`]), not an error.
    ///
    /// # Errors
    /// [`crate::Code::NotReady`] outside [`State::Ready`]; [`crate::Code::NotSupported`] for an
    /// action that no binding names, or of a capsule without handlers.
    fn invoke_interceptor<'a>(
        &'a self,
        action: &'a str,
        payload: Bytes,
        caller: Option<&'a Invoker>,
    ) -> BoxFuture<'a, Result<HandlerResult, CapsuleError>>;

    /// Calls an action that a schedule names, whether or not a binding names it too.
    ///
    /// # Errors
    /// [`crate::Code::NotReady`] outside [`State::Ready`]; [`crate::Code::NotSupported`] of a capsule without handlers.
    fn run_job<'a>(
        &'a self,
        action: &'a str,
        payload: Bytes,
        caller: Option<&'a Invoker>,
    ) -> BoxFuture<'a, Result<HandlerResult, CapsuleError>>;

    /// The tools it described when it was booted; `None` if nobody asked it, or it does not know the question.
    fn tools(&self) -> Option<Vec<ToolDescriptor>>;

    /// Asks the capsule for its tools, and remembers what it says for [`Capsule::tools`].
    fn discover_tools(&self) -> BoxFuture<'_, ()>;

    /// The endpoints of outside platforms it has now, in no order.
    fn uplinks(&self) -> Vec<Arc<Endpoint>>;

    /// Notes that an answer went to the capsule on a session that one of its endpoints opened, so that a
    /// bridge's echo of it is dropped (uplink chapter §2.4).
    fn note_outbound(&self, session: &str, text: &str);

    /// What those bring in. Once per load, and only where the runtime does not publish it itself.
    fn take_inbound_rx(&self) -> Option<InboundRx>;

    /// Starts what runs by itself: the run loop, if there is one, and publishing what uplinks bring in.
    fn activate(&self);

    /// Waits until the run loop signalled, ended, or `timeout` passed.
    fn wait_ready(&self, timeout: Duration) -> BoxFuture<'_, Readiness>;

    /// Waits up to `patience` for the handlers that run and lets none begin until the guard is dropped; calls
    /// wait meanwhile, until their own deadlines. A run loop goes on.
    ///
    /// # Errors
    /// [`crate::Code::Timeout`]: a handler still runs.
    fn exclusive(&self, patience: Duration) -> BoxFuture<'_, Result<Exclusive, CapsuleError>>;

    /// Ends the calls one principal has running; its next call begins under a fresh token.
    fn cancel_principal(&self, principal: &Principal);

    /// Ends everything: calls are cancelled, given two seconds, then stopped. Calling it again does nothing.
    fn unload(&self) -> BoxFuture<'_, Result<(), CapsuleError>>;
}

/// A capsule as the registry and the dispatcher hold it.
pub type SharedCapsule = Arc<dyn Capsule>;
