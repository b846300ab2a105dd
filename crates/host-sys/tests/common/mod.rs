//! A host with nothing but this package.

use astrid_host_context::{HostContext, HostCx};
use astrid_host_sys::{SysCtx, SysCtxBuilder, SysCtxView, SysView};
use astrid_host_testkit::{FakeHost, FakeHostBuilder};

/// What a store's data holds.
pub(crate) struct State {
    /// The fake kernel.
    pub(crate) fake: FakeHost,
    /// The package's state.
    pub(crate) ctx: SysCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        self.fake.cx()
    }
}

impl SysView for State {
    fn sys(&mut self) -> SysCtxView<'_> {
        SysCtxView { ctx: &mut self.ctx, host: self.fake.cx() }
    }
}

/// A host over a context.
pub(crate) fn state(fake: FakeHostBuilder, ctx: SysCtxBuilder) -> State {
    State { fake: fake.build(), ctx: ctx.build() }
}
