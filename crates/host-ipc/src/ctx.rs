//! The part of a store's state that belongs to ipc, and the view the functions run on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use astrid_event_bus::{Bus, Charset, Gate};
use astrid_host_context::{CallContext, HostContext, HostCx};
use wasmtime::component::HasData;

use crate::deliveries::Deliveries;
use crate::limits::PUBLISH_WAIT;
use crate::resolver::{ContextResolver, SameCapsule};
use crate::uplink::{ActFor, InFlight, UplinkEvidence};
use crate::{Handler, ReservedTopics};

/// Whose messages a run loop is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Residency {
    /// One principal's runtime: it sees its owner and the host.
    #[default]
    Owned,
    /// A runtime the operator approved for all principals.
    SystemResident,
}

/// What `recv` answers when nothing arrived, operator key `bus.recv_idle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecvIdle {
    /// An envelope without messages: shipped capsules leave their loop on any error.
    #[default]
    Empty,
    /// The contract's `timeout`.
    Timeout,
}

/// ipc's state of one store.
pub struct IpcCtx {
    pub(crate) bus: Bus,
    pub(crate) own: CallContext,
    pub(crate) gate: Gate,
    pub(crate) residency: Residency,
    pub(crate) reads_all_audit: bool,
    pub(crate) charset: Charset,
    pub(crate) recv_idle: RecvIdle,
    pub(crate) publish_wait: Duration,
    pub(crate) reserved: Arc<ReservedTopics>,
    pub(crate) handlers: Arc<[Handler]>,
    pub(crate) evidence: Arc<dyn UplinkEvidence>,
    pub(crate) act_for: ActFor,
    pub(crate) resolver: Arc<dyn ContextResolver>,
    pub(crate) deliveries: Option<Arc<dyn Deliveries>>,
}

impl IpcCtx {
    /// Starts the state of a store on `bus`. `own` is the runtime's own context: its capsule and
    /// session id, its owner, and the token that unloads it.
    #[must_use]
    pub fn builder(bus: Bus, own: CallContext) -> IpcCtxBuilder {
        IpcCtxBuilder(Self {
            bus,
            own,
            gate: Gate::opened(),
            residency: Residency::default(),
            reads_all_audit: false,
            charset: Charset::default(),
            recv_idle: RecvIdle::default(),
            publish_wait: PUBLISH_WAIT,
            reserved: Arc::default(),
            handlers: Arc::default(),
            evidence: Arc::new(InFlight::new()),
            act_for: ActFor::default(),
            resolver: Arc::new(SameCapsule),
            deliveries: None,
        })
    }
}

impl fmt::Debug for IpcCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IpcCtx").field("residency", &self.residency).finish_non_exhaustive()
    }
}

/// Builds an [`IpcCtx`].
#[derive(Debug)]
pub struct IpcCtxBuilder(IpcCtx);

impl IpcCtxBuilder {
    /// The gate of the capsule's generation; an open one if not set.
    #[must_use]
    pub fn gate(mut self, gate: Gate) -> Self {
        self.0.gate = gate;
        self
    }

    /// Whose messages the run loop is for; its owner's if not set.
    #[must_use]
    pub fn residency(mut self, residency: Residency) -> Self {
        self.0.residency = residency;
        self
    }

    /// The owner's profile holds `audit:read_all`.
    #[must_use]
    pub fn reads_all_audit(mut self, held: bool) -> Self {
        self.0.reads_all_audit = held;
        self
    }

    /// Characters of topics, operator key `bus.topic_charset`.
    #[must_use]
    pub fn charset(mut self, charset: Charset) -> Self {
        self.0.charset = charset;
        self
    }

    /// What an idle `recv` answers, operator keys `bus.recv_idle` and `bus.recv_idle_for`.
    #[must_use]
    pub fn recv_idle(mut self, answer: RecvIdle) -> Self {
        self.0.recv_idle = answer;
        self
    }

    /// How long a publish waits for handlers, operator key `bus.publish_wait_ms`.
    #[must_use]
    pub fn publish_wait(mut self, wait: Duration) -> Self {
        self.0.publish_wait = wait;
        self
    }

    /// Topics only the host publishes on.
    #[must_use]
    pub fn reserved(mut self, topics: Arc<ReservedTopics>) -> Self {
        self.0.reserved = topics;
        self
    }

    /// The capsule's handlers, in any order; they are numbered as the contract says.
    #[must_use]
    pub fn handlers(mut self, mut handlers: Vec<Handler>) -> Self {
        handlers.sort_by(|a, b| (a.priority, &a.topic, &a.action).cmp(&(b.priority, &b.topic, &b.action)));
        self.0.handlers = handlers.into();
        self
    }

    /// Who was proven to be at the other end of what the store read last.
    #[must_use]
    pub fn evidence(mut self, evidence: Arc<dyn UplinkEvidence>) -> Self {
        self.0.evidence = evidence;
        self
    }

    /// For whom the operator lets this uplink act.
    #[must_use]
    pub fn act_for(mut self, whom: ActFor) -> Self {
        self.0.act_for = whom;
        self
    }

    /// Who makes the context of a received message.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn ContextResolver>) -> Self {
        self.0.resolver = resolver;
        self
    }

    /// Who hears of what the guest receives; nobody if not set.
    #[must_use]
    pub fn deliveries(mut self, deliveries: Arc<dyn Deliveries>) -> Self {
        self.0.deliveries = Some(deliveries);
        self
    }

    /// The finished state.
    #[must_use]
    pub fn build(self) -> IpcCtx {
        self.0
    }
}

/// Implemented by an embedder's store data to have ipc.
pub trait IpcView: HostContext {
    /// ipc's state beside the shared context.
    fn ipc(&mut self) -> IpcCtxView<'_>;
}

/// What every function of `astrid:ipc` runs on. Its inherent methods are the engine; the face calls them.
#[derive(Debug)]
pub struct IpcCtxView<'a> {
    /// ipc's own state.
    pub ctx: &'a mut IpcCtx,
    /// What all domains share.
    pub host: HostCx<'a>,
}

/// Names [`IpcCtxView`] to wasmtime's linker.
#[derive(Debug, Clone, Copy)]
pub struct Ipc;

impl HasData for Ipc {
    type Data<'a> = IpcCtxView<'a>;
}
