//! The data of every store: the shared context and one context a domain.

use std::sync::Arc;

use astrid_dispatch::Whereabouts;
use astrid_host_approval::{ApprovalCtx, ApprovalCtxView, ApprovalView};
use astrid_host_context::{CallContext, CallSlot, HostContext, HostCx, HostServices, Invocation};
use astrid_host_elicit::{ElicitCtx, ElicitCtxView, ElicitView};
use astrid_host_fs::{FsCtx, FsCtxView, FsView};
use astrid_host_http::{HttpCtx, HttpCtxView, HttpView};
use astrid_host_identity::{IdentityCtx, IdentityCtxView, IdentityView};
use astrid_host_io::{IoCtx, IoCtxView, IoView};
use astrid_host_ipc::{IpcCtx, IpcCtxView, IpcView};
use astrid_host_kv::{KvCtx, KvCtxView, KvView};
use astrid_host_net::{NetCtx, NetCtxView, NetView};
use astrid_host_process::{ProcessCtx, ProcessCtxView, ProcessView};
use astrid_host_request_context::{RequestContextCtx, RequestContextCtxView, RequestContextView};
use astrid_host_sys::{SysCtx, SysCtxView, SysView};
use astrid_host_uplink::{UplinkCtx, UplinkCtxView, UplinkView};
use wasmtime::component::ResourceTable;

use super::epoch::{EpochRule, EpochState};
use super::meter::StoreMemoryMeter;
use crate::cpu::FuelGauge;
use crate::pool::Mode;

/// The domains' contexts of one store.
pub(crate) struct Domains {
    pub(crate) approval: ApprovalCtx,
    pub(crate) elicit: ElicitCtx,
    pub(crate) fs: FsCtx,
    pub(crate) identity: IdentityCtx,
    pub(crate) io: IoCtx,
    pub(crate) sys: SysCtx,
    pub(crate) kv: KvCtx,
    pub(crate) ipc: IpcCtx,
    pub(crate) http: HttpCtx,
    pub(crate) net: NetCtx,
    pub(crate) process: ProcessCtx,
    pub(crate) request_context: RequestContextCtx,
    pub(crate) uplink: UplinkCtx,
}

/// What host functions of one store reach.
pub(crate) struct HostState {
    pub(super) call: CallSlot,
    /// During an invocation the context between invocations; between them the last one's, out of force and
    /// written over by the next before that begins. So neither beginning nor ending one allocates.
    other: CallContext,
    pub(super) services: HostServices,
    pub(super) table: ResourceTable,
    pub(super) domains: Domains,
    pub(super) meter: StoreMemoryMeter,
    pub(super) gauge: Arc<FuelGauge>,
    pub(super) epoch: EpochState,
    /// Of the running call, for the permits it holds while the guest computes.
    pub(super) whereabouts: Whereabouts,
}

impl HostState {
    pub(super) fn new(
        idle: CallContext,
        services: HostServices,
        domains: Domains,
        meter: StoreMemoryMeter,
    ) -> Self {
        Self {
            call: CallSlot::new(idle.clone()),
            other: idle,
            services,
            table: ResourceTable::new(),
            domains,
            meter,
            gauge: Arc::default(),
            epoch: EpochState::new(EpochRule::Invocation { deadline: None }),
            whereabouts: Whereabouts::default(),
        }
    }

    /// Puts an invocation's context in force, until [`HostState::clear`].
    pub(super) fn begin(&mut self, invocation: Invocation<'_>) {
        self.epoch = EpochState::new(EpochRule::Invocation { deadline: invocation.deadline });
        self.whereabouts = Whereabouts::here();
        self.other.serve(invocation);
        self.call.exchange(&mut self.other);
    }

    /// Forgets everything of the invocation that ended: identity, leaked resources, counters. A guest whose
    /// memory is one principal's for good goes on using its resources.
    pub(super) fn clear(&mut self, mode: Mode) {
        self.call.exchange(&mut self.other);
        self.whereabouts = Whereabouts::default();
        if mode == Mode::Affine && !self.table.is_empty() {
            self.table = ResourceTable::new();
        }
        self.epoch = EpochState::new(EpochRule::Invocation { deadline: None });
    }
}

impl HostContext for HostState {
    fn host(&mut self) -> HostCx<'_> {
        HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
    }
}

macro_rules! view {
    ($($view:ident $method:ident $cx:ident;)*) => {$(
        impl $view for HostState {
            fn $method(&mut self) -> $cx<'_> {
                $cx {
                    ctx: &mut self.domains.$method,
                    host: HostCx { call: &mut self.call, services: &self.services, table: &mut self.table },
                }
            }
        }
    )*};
}

view! {
    ApprovalView approval ApprovalCtxView;
    ElicitView elicit ElicitCtxView;
    FsView fs FsCtxView;
    IdentityView identity IdentityCtxView;
    IoView io IoCtxView;
    SysView sys SysCtxView;
    KvView kv KvCtxView;
    IpcView ipc IpcCtxView;
    HttpView http HttpCtxView;
    NetView net NetCtxView;
    ProcessView process ProcessCtxView;
    RequestContextView request_context RequestContextCtxView;
    UplinkView uplink UplinkCtxView;
}
