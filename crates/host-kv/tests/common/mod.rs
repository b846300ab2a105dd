//! A host with nothing but this package.

use std::sync::Arc;

use astrid_host_context::{HostContext, HostCx};
use astrid_host_kv::{KvCtx, KvCtxView, KvView, Store};
use astrid_host_testkit::{FakeHost, FakeHostBuilder};

/// What a store's data holds.
pub(crate) struct State {
    /// The fake kernel.
    pub(crate) fake: FakeHost,
    /// The package's state.
    pub(crate) ctx: KvCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        self.fake.cx()
    }
}

impl KvView for State {
    fn kv(&mut self) -> KvCtxView<'_> {
        KvCtxView { ctx: &mut self.ctx, host: self.fake.cx() }
    }
}

/// A host over a backend.
pub(crate) fn state(fake: FakeHostBuilder, store: Arc<dyn Store>) -> State {
    State { fake: fake.build(), ctx: KvCtx::builder().store(store).build() }
}
