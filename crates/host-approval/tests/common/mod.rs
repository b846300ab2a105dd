//! A host with nothing but this package: capsule `fake` for alice, who sits at the other end of a channel.

use std::sync::Arc;
use std::time::SystemTime;

use astrid_host_approval::v1_0::bindings::astrid::approval::host::{
    ApprovalDecision, ApprovalRequest, ErrorCode, Host,
};
use astrid_host_approval::{
    ApprovalCtx, ApprovalCtxView, ApprovalView, Approvals, ApprovalsBuilder, Asking, Holder, PER_MINUTE,
    Prompt, Prompter, Reply, Unanswered, Workspace,
};
use astrid_host_context::{
    Attribution, Caller, CapsuleId, HostContext, HostCx, Principal, Provenance, Trail, Uuid,
};
use astrid_host_testkit::{FakeHost, FakeHostBuilder};
use tokio::sync::{mpsc, oneshot};

pub(crate) const OWNER: Uuid = Uuid::from_u128(8);

/// What a store's data holds.
pub(crate) struct State {
    pub(crate) fake: FakeHost,
    pub(crate) ctx: ApprovalCtx,
}

impl HostContext for State {
    fn host(&mut self) -> HostCx<'_> {
        self.fake.cx()
    }
}

impl ApprovalView for State {
    fn approval(&mut self) -> ApprovalCtxView<'_> {
        ApprovalCtxView { ctx: &mut self.ctx, host: self.fake.cx() }
    }
}

/// Puts questions to whoever has the other end.
pub(crate) struct Person(pub(crate) mpsc::UnboundedSender<Asked>);

/// A question as it reached somebody.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) principal: Option<Principal>,
    pub(crate) capsule: CapsuleId,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) reason: String,
    reply: oneshot::Sender<Result<Reply, Unanswered>>,
}

impl Asked {
    /// False if it is no longer asked.
    pub(crate) fn answer(self, reply: Reply) -> bool {
        self.reply.send(Ok(reply)).is_ok()
    }

    pub(crate) fn end(self, how: Unanswered) -> bool {
        self.reply.send(Err(how)).is_ok()
    }

    pub(crate) fn is_withdrawn(&self) -> bool {
        self.reply.is_closed()
    }
}

impl Prompter for Person {
    fn ask<'a>(&'a self, prompt: Prompt<'a>) -> Asking<'a> {
        Box::pin(async move {
            let (reply, answered) = oneshot::channel();
            let asked = Asked {
                id: prompt.id(),
                owner: prompt.owner(),
                principal: prompt.call().principal().cloned(),
                capsule: prompt.call().capsule().clone(),
                action: prompt.action().to_owned(),
                resource: prompt.resource().to_owned(),
                reason: prompt.reason(),
                reply,
            };
            self.0.send(asked).map_err(|_| Unanswered::NotPut("nobody is there".to_owned()))?;
            answered.await.unwrap_or(Err(Unanswered::OwnerGone))
        })
    }
}

/// Everybody around a store.
pub(crate) struct Desk {
    pub(crate) state: State,
    pub(crate) asked: mpsc::UnboundedReceiver<Asked>,
    pub(crate) approvals: Arc<Approvals>,
}

pub(crate) fn desk() -> Desk {
    desk_with(FakeHost::builder(), |approvals| approvals)
}

/// Alice on an open connection, asked as often as a test likes.
pub(crate) fn desk_with(
    fake: FakeHostBuilder,
    change: impl FnOnce(ApprovalsBuilder) -> ApprovalsBuilder,
) -> Desk {
    let (person, asked) = mpsc::unbounded_channel();
    let approvals = change(Approvals::builder(Arc::new(Person(person)))).build();
    let state = store(fake, &approvals);
    Desk { state, asked, approvals }
}

/// One more store of the same host, in the same project.
pub(crate) fn store(fake: FakeHostBuilder, approvals: &Arc<Approvals>) -> State {
    store_in("/project", fake, approvals)
}

pub(crate) fn store_in(workspace: &str, fake: FakeHostBuilder, approvals: &Arc<Approvals>) -> State {
    let mut fake = fake.limit(&PER_MINUTE, 10_000).build();
    fake.set_call(|call| call.caller(Some(serving("alice", Some(OWNER)))));
    unserved(workspace, fake, approvals)
}

/// With the caller as the builder has it.
pub(crate) fn unserved(workspace: &str, fake: FakeHost, approvals: &Arc<Approvals>) -> State {
    let ctx = ApprovalCtx::builder(approvals.clone(), Workspace::new(workspace)).component("c0ffee").build();
    State { fake, ctx }
}

pub(crate) fn serving(who: &str, owner: Option<Uuid>) -> Caller {
    let attribution = Attribution::Verified(who.parse().unwrap());
    let provenance = Provenance { request_owner: owner, ..Provenance::of(attribution) };
    Caller { provenance, source: Uuid::nil(), at: SystemTime::now(), trail: Trail::default() }
}

pub(crate) fn holder(principal: &str, capsule: &str, workspace: &str) -> Holder {
    Holder {
        principal: principal.parse().unwrap(),
        capsule: capsule.parse().unwrap(),
        workspace: Workspace::new(workspace),
    }
}

/// As a guest calls it.
pub(crate) async fn call(
    state: &mut State,
    action: &str,
    resource: &str,
) -> Result<ApprovalDecision, ErrorCode> {
    let request = ApprovalRequest { action: action.to_owned(), target_resource: resource.to_owned() };
    Ok(Host::request_approval(&mut state.approval(), request).await?.decision)
}

impl Desk {
    /// Asks, and answers it.
    pub(crate) async fn exchange(
        &mut self,
        action: &str,
        resource: &str,
        reply: Reply,
    ) -> Result<ApprovalDecision, ErrorCode> {
        let Self { state, asked, .. } = self;
        let person = async { asked.recv().await.unwrap().answer(reply) };
        let (answer, _) = tokio::join!(call(state, action, resource), person);
        answer
    }

    /// What is answered without anybody being asked; the question if somebody is.
    pub(crate) async fn unasked(
        &mut self,
        action: &str,
        resource: &str,
    ) -> Result<Result<ApprovalDecision, ErrorCode>, Asked> {
        let Self { state, asked, .. } = self;
        unasked(state, asked, action, resource).await
    }

    /// Whether it is answered by what is remembered; else somebody is asked.
    pub(crate) async fn remembers(&mut self, resource: &str) -> bool {
        let Self { state, asked, .. } = self;
        remembers(state, asked, resource).await
    }

    /// Consent to `git push` for the session.
    pub(crate) async fn with_session() -> Self {
        let mut desk = desk();
        let answer = desk.exchange("git push", "git push origin main", Reply::Session).await;
        assert!(matches!(answer, Ok(ApprovalDecision::ApprovedSession)), "{answer:?}");
        desk
    }
}

pub(crate) async fn remembers(
    state: &mut State,
    asked: &mut mpsc::UnboundedReceiver<Asked>,
    resource: &str,
) -> bool {
    match unasked(state, asked, "git push", resource).await {
        Ok(Ok(ApprovalDecision::Allowance)) => true,
        Err(_) => false,
        other => panic!("{other:?}"),
    }
}

async fn unasked(
    state: &mut State,
    asked: &mut mpsc::UnboundedReceiver<Asked>,
    action: &str,
    resource: &str,
) -> Result<Result<ApprovalDecision, ErrorCode>, Asked> {
    tokio::select! {
        biased;
        answer = call(state, action, resource) => Ok(answer),
        asked = asked.recv() => Err(asked.unwrap()),
    }
}
