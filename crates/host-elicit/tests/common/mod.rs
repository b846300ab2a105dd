//! A host with nothing but this package: capsule `fake` for alice, who sits at the other end of a channel.

use std::sync::Arc;

use astrid_host_context::{CallContextBuilder, HostContext, HostCx, LifecyclePhase};
use astrid_host_elicit::v1_0::bindings::astrid::elicit::host::{
    ElicitRequest, ElicitResponse, ElicitType, ErrorCode, Host,
};
use astrid_host_elicit::{
    Asked, AskedRx, Channel, ElicitCtx, ElicitCtxView, ElicitView, Key, MemorySecrets, Questions,
    QuestionsBuilder, Reply, Secrets, Slot,
};
use astrid_host_testkit::{FakeHost, FakeHostBuilder};

/// What a store's data holds.
pub(crate) struct State {
    pub(crate) fake: FakeHost,
    pub(crate) ctx: ElicitCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        self.fake.cx()
    }
}

impl ElicitView for State {
    fn elicit(&mut self) -> ElicitCtxView<'_> {
        ElicitCtxView { ctx: &mut self.ctx, host: self.fake.cx() }
    }
}

/// Everybody around a store.
pub(crate) struct Desk {
    pub(crate) state: State,
    pub(crate) secrets: Arc<MemorySecrets>,
    pub(crate) asked: AskedRx,
    pub(crate) questions: Arc<Questions>,
}

/// In its install hook.
pub(crate) fn installing() -> Desk {
    desk(FakeHost::builder(), |questions| questions, install)
}

pub(crate) fn install(call: CallContextBuilder) -> CallContextBuilder {
    call.phase(LifecyclePhase::Install)
}

pub(crate) fn desk(
    fake: FakeHostBuilder,
    questions: impl FnOnce(QuestionsBuilder) -> QuestionsBuilder,
    call: impl FnOnce(CallContextBuilder) -> CallContextBuilder,
) -> Desk {
    let (channel, asked) = Channel::new();
    let questions = questions(Questions::builder(Arc::new(channel))).build();
    let secrets = Arc::new(MemorySecrets::new());
    let state = store(fake, &questions, secrets.clone(), call);
    Desk { state, secrets, asked, questions }
}

/// One more store of the same host.
pub(crate) fn store(
    fake: FakeHostBuilder,
    questions: &Arc<Questions>,
    secrets: Arc<dyn Secrets>,
    call: impl FnOnce(CallContextBuilder) -> CallContextBuilder,
) -> State {
    let mut fake = fake.build();
    fake.set_call(call);
    State { fake, ctx: ElicitCtx::builder(questions.clone()).secrets(secrets).component("c0ffee").build() }
}

impl Desk {
    /// Asks, and answers it.
    pub(crate) async fn exchange(
        &mut self,
        request: ElicitRequest,
        reply: Reply,
    ) -> Result<ElicitResponse, ErrorCode> {
        let Self { state, asked, .. } = self;
        let mut view = state.elicit();
        let person = async {
            asked.recv().await.unwrap().answer(reply);
        };
        let (answer, ()) = tokio::join!(Host::elicit(&mut view, request), person);
        answer
    }

    /// Asks what reaches nobody.
    pub(crate) async fn refused(&mut self, request: ElicitRequest) -> ErrorCode {
        let Self { state, asked, .. } = self;
        let mut view = state.elicit();
        tokio::select! {
            biased;
            answer = Host::elicit(&mut view, request) => answer.unwrap_err(),
            asked = asked.recv() => panic!("{asked:?} was asked"),
        }
    }

    pub(crate) async fn has(&mut self, key: &str) -> Result<bool, ErrorCode> {
        Host::has_secret(&mut self.state.elicit(), key.to_owned()).await
    }
}

/// Waits for the question and leaves the test to the asking side.
pub(crate) async fn take(asked: &mut AskedRx) -> Asked {
    asked.recv().await.unwrap()
}

pub(crate) fn request(kind: ElicitType, key: &str) -> ElicitRequest {
    ElicitRequest {
        kind,
        key: key.to_owned(),
        description: String::new(),
        options: None,
        default_value: None,
    }
}

pub(crate) fn text() -> ElicitRequest {
    request(ElicitType::Text, "name")
}

pub(crate) fn secret() -> ElicitRequest {
    request(ElicitType::Secret, "api_key")
}

pub(crate) fn slot(principal: &str, capsule: &str, key: &str) -> Slot {
    Slot {
        principal: principal.parse().unwrap(),
        capsule: capsule.parse().unwrap(),
        key: Key::parse(key).unwrap(),
    }
}
