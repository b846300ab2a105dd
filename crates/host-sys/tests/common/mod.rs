//! A host and the package's state, and the view on both.

use astrid_host_sys::{SysCtx, SysCtxBuilder, SysCtxView};
use astrid_host_testkit::FakeHost;

/// One store's worth of state, capsule `c`, serving `alice` unless told otherwise.
pub(crate) struct Store {
    pub(crate) host: FakeHost,
    pub(crate) sys: SysCtx,
}

impl Store {
    pub(crate) fn new(sys: SysCtxBuilder) -> Self {
        Self { host: FakeHost::builder().capsule("c").build(), sys: sys.build() }
    }

    pub(crate) fn view(&mut self) -> SysCtxView<'_> {
        SysCtxView { ctx: &mut self.sys, host: self.host.cx() }
    }
}
