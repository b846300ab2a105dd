//! A host with nothing but this package.

use std::sync::Arc;

use astrid_host_context::{HostContext, HostCx};
use astrid_host_fs::{FsCtx, FsCtxView, FsView, Mounts};
use astrid_host_testkit::{FakeHost, FakeHostBuilder};

/// What a store's data holds.
pub(crate) struct State {
    /// The fake kernel.
    pub(crate) fake: FakeHost,
    /// The package's state.
    pub(crate) ctx: FsCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        self.fake.cx()
    }
}

impl FsView for State {
    fn fs(&mut self) -> FsCtxView<'_> {
        FsCtxView { ctx: &mut self.ctx, host: self.fake.cx() }
    }
}

/// A host over mounts.
pub(crate) fn state(fake: FakeHostBuilder, mounts: Arc<dyn Mounts>) -> State {
    State { fake: fake.build(), ctx: FsCtx::builder().mounts(mounts).build() }
}
