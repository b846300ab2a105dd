//! A host with nothing but this package: capsule `fake`, platform `chat`, `@a` linked to alice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use astrid_host_context::{CapsuleId, HostContext, HostCx, Principal};
use astrid_host_testkit::{FakeHost, FakeHostBuilder};
use astrid_host_uplink::{
    InboundRx, Linked, MemoryLinks, OpenSessions, Platform, PlatformUser, Profile, Sessions, UplinkCtx,
    UplinkCtxBuilder, UplinkCtxView, UplinkView, Uplinks,
};

/// What a store's data holds.
pub(crate) struct State {
    pub(crate) fake: FakeHost,
    pub(crate) ctx: UplinkCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        self.fake.cx()
    }
}

impl UplinkView for State {
    fn uplink(&mut self) -> UplinkCtxView<'_> {
        UplinkCtxView { ctx: &mut self.ctx, host: self.fake.cx() }
    }
}

/// The host's side, for a test to turn.
pub(crate) struct Kernel {
    pub(crate) links: Arc<MemoryLinks>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) agent: Arc<AtomicBool>,
    pub(crate) rx: InboundRx,
}

pub(crate) fn principal(name: &str) -> Principal {
    Principal::parse(name).unwrap()
}

pub(crate) fn platform() -> Platform {
    Platform::parse("chat").unwrap()
}

pub(crate) fn user(id: &str) -> PlatformUser {
    PlatformUser::parse(id).unwrap()
}

impl Kernel {
    /// Links an account on `chat`; `made_by` is the capsule that did.
    pub(crate) fn link(&self, account: &str, to: &str, made_by: Option<&str>) {
        let made_by = made_by.map(|id| CapsuleId::parse(id).unwrap());
        self.links.link(platform(), user(account), Linked { principal: principal(to), made_by });
    }
}

pub(crate) fn host(fake: FakeHostBuilder) -> (State, Kernel) {
    host_with(fake, |builder| builder)
}

pub(crate) fn host_with(
    fake: FakeHostBuilder,
    change: impl FnOnce(UplinkCtxBuilder) -> UplinkCtxBuilder,
) -> (State, Kernel) {
    let (uplinks, rx) = Uplinks::new();
    let agent = Arc::new(AtomicBool::new(true));
    let live = agent.clone();
    let sessions = Arc::new(OpenSessions::new(move |_: &Principal| live.load(Ordering::Relaxed)));
    let kernel = Kernel { links: Arc::default(), sessions, agent, rx };
    kernel.link("@a", "alice", Some("fake"));
    let ctx = UplinkCtx::builder(uplinks).links(kernel.links.clone()).sessions(kernel.sessions.clone());
    (State { fake: fake.build(), ctx: change(ctx).build() }, kernel)
}

/// A registered endpoint's id.
pub(crate) fn endpoint(state: &mut State, name: &str, profile: Profile) -> String {
    state.uplink().register(name, "chat", profile).unwrap().to_string()
}
