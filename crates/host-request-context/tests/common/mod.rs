//! A store with net and request-context and without a guest.

use std::sync::Arc;

use astrid_airlock::{Airlock, LocalEgress};
use astrid_host_context::{CapsuleId, HostContext, HostCx};
use astrid_host_io::{IoCtx, IoCtxView, IoView};
use astrid_host_net::{NetCtx, NetCtxBuilder, NetCtxView, NetView};
use astrid_host_request_context::{RequestContextCtx, RequestContextCtxView, RequestContextView};
use astrid_host_testkit::FakeHost;

pub(crate) struct Store {
    host: FakeHost,
    net: NetCtx,
    io: IoCtx,
    request: RequestContextCtx,
}

/// Loopback admitted, everything allowed.
pub(crate) fn store(net: impl FnOnce(NetCtxBuilder) -> NetCtxBuilder) -> Store {
    let mut rules = LocalEgress::new();
    rules.allow(&CapsuleId::parse("fake").unwrap(), "127.0.0.1:*").unwrap();
    let airlock = Arc::new(Airlock::builder().rules(rules).build());
    Store {
        host: FakeHost::builder().build(),
        net: net(NetCtx::builder(airlock)).build(),
        io: IoCtx::new(),
        request: RequestContextCtx,
    }
}

impl HostContext for Store {
    fn host(&mut self) -> HostCx<'_> {
        self.host.cx()
    }
}

impl NetView for Store {
    fn net(&mut self) -> NetCtxView<'_> {
        NetCtxView { ctx: &mut self.net, host: self.host.cx() }
    }
}

impl IoView for Store {
    fn io(&mut self) -> IoCtxView<'_> {
        IoCtxView { ctx: &mut self.io, host: self.host.cx() }
    }
}

impl RequestContextView for Store {
    fn request_context(&mut self) -> RequestContextCtxView<'_> {
        RequestContextCtxView { ctx: &mut self.request, host: self.host.cx() }
    }
}
