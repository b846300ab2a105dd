//! A store of one capsule on a bus, without a kernel.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::sync::Arc;

use astrid_event_bus::{Bus, Charset, Envelope, Message};
use astrid_host_context::Uuid;
use astrid_host_context::*;
use astrid_host_io::{IoCtx, IoCtxView, IoView};
use astrid_host_ipc::error::arms;
use astrid_host_ipc::*;
use astrid_host_testkit::Recorder;
use wasmtime::component::ResourceTable;

pub(crate) struct Store {
    pub(crate) call: CallSlot,
    pub(crate) services: HostServices,
    pub(crate) table: ResourceTable,
    pub(crate) ctx: IpcCtx,
    pub(crate) io: IoCtx,
    pub(crate) own: CallContext,
    pub(crate) recorder: Arc<Recorder>,
}

pub(crate) struct Setup {
    bus: Bus,
    own: CallContextBuilder,
    publish: Vec<&'static str>,
    subscribe: Vec<&'static str>,
    uplink: bool,
    charset: Charset,
    budgets: Budgets,
}

/// Capsule `c` of `alice`, in its run loop, which may publish and subscribe to everything.
pub(crate) fn store(bus: &Bus) -> Setup {
    let own = CallContext::builder(CapsuleId::parse("c").unwrap())
        .principal(principal("alice"))
        .capsule_uuid(Uuid::from_u128(0xc))
        .kind(CallKind::RunLoop);
    Setup {
        bus: bus.clone(),
        own,
        publish: vec!["*"],
        subscribe: vec!["*"],
        uplink: false,
        charset: Charset::Token,
        budgets: Budgets::new(),
    }
}

impl Setup {
    pub(crate) fn publish(mut self, keys: &[&'static str]) -> Self {
        self.publish = keys.to_vec();
        self
    }

    pub(crate) fn subscribe(mut self, keys: &[&'static str]) -> Self {
        self.subscribe = keys.to_vec();
        self
    }

    pub(crate) fn uplink(mut self) -> Self {
        self.uplink = true;
        self
    }

    pub(crate) fn strict(mut self) -> Self {
        self.charset = Charset::Strict;
        self
    }

    pub(crate) fn own(mut self, change: impl FnOnce(CallContextBuilder) -> CallContextBuilder) -> Self {
        self.own = change(self.own);
        self
    }

    pub(crate) fn limit(mut self, resource: &'static Resource, limit: u64) -> Self {
        self.budgets = self.budgets.with_limit(resource, limit);
        self
    }

    pub(crate) fn build(self) -> Store {
        self.build_with(|ctx| ctx)
    }

    pub(crate) fn build_with(self, change: impl FnOnce(IpcCtxBuilder) -> IpcCtxBuilder) -> Store {
        let mut lists = AccessLists::parse(self.publish, self.subscribe, self.charset).unwrap();
        if self.uplink {
            lists = lists.uplink();
        }
        let recorder = Arc::new(Recorder::default());
        let own = self.own.build();
        Store {
            call: CallSlot::new(own.clone()),
            services: HostServices::new(Arc::new(lists), Arc::new(self.budgets), recorder.clone()),
            table: ResourceTable::new(),
            ctx: change(IpcCtx::builder(self.bus, own.clone()).charset(self.charset)).build(),
            io: IoCtx::new(),
            own,
            recorder,
        }
    }
}

impl Store {
    /// Runs a handler for `message` from now on, as a dispatcher would make its context.
    pub(crate) fn handle(&mut self, message: &Message) {
        let next = SameCapsule.resolve(&self.own, message).to_builder().kind(CallKind::Interceptor).build();
        self.call.replace(next);
    }

    /// Runs a handler of `name` that no message caused.
    pub(crate) fn handle_for(&mut self, name: &str) {
        let call = self.own.to_builder().principal(principal(name)).kind(CallKind::Interceptor);
        self.call.replace(call.cancellation(self.own.cancellation().child()).build());
    }

    pub(crate) fn ipc(&mut self) -> IpcCtxView<'_> {
        let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
        IpcCtxView { ctx: &mut self.ctx, host }
    }

    pub(crate) fn io(&mut self) -> IoCtxView<'_> {
        let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
        IoCtxView { ctx: &mut self.io, host }
    }

    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        self.recorder.audited().iter().map(|event| event.outcome).collect()
    }

    pub(crate) async fn say(&mut self, topic: &str) -> Result<(), Arm> {
        self.ipc().publish(topic, "{}".to_owned()).await.map_err(arm)
    }
}

impl HostContext for Store {
    fn host(&mut self) -> HostCx<'_> {
        HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
    }
}

impl IpcView for Store {
    fn ipc(&mut self) -> IpcCtxView<'_> {
        Store::ipc(self)
    }
}

impl IoView for Store {
    fn io(&mut self) -> IoCtxView<'_> {
        Store::io(self)
    }
}

pub(crate) fn principal(name: &str) -> Principal {
    Principal::parse(name).unwrap()
}

/// The name of a WIT arm.
pub(crate) type Arm = &'static str;

pub(crate) fn arm(error: Error) -> Arm {
    match error.into() {
        arms::V1_0::CapabilityDenied => "capability-denied",
        arms::V1_0::InvalidInput => "invalid-input",
        arms::V1_0::Closed => "closed",
        arms::V1_0::RateLimited => "rate-limited",
        arms::V1_0::Backpressure => "backpressure",
        arms::V1_0::Quota => "quota",
        arms::V1_0::Timeout => "timeout",
        arms::V1_0::Unknown(_) => "unknown",
        arms::V1_0::Trap(_) => "trap",
    }
}

/// The topics of an envelope.
pub(crate) fn topics(envelope: &Envelope) -> Vec<&str> {
    envelope.messages.iter().map(|m| m.topic().as_str()).collect()
}

pub(crate) fn verified(name: &str) -> Attribution {
    Attribution::Verified(principal(name))
}

pub(crate) fn claimed(name: &str) -> Attribution {
    Attribution::Claimed(principal(name))
}
