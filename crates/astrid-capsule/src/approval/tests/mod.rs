//! Questions on the bus, and which answers to them count.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use astrid_event_bus::{
    AccessPattern, Admission, Audience, Charset, Draft, Gate, Observer, Pattern, Payload, Topic,
};
use astrid_host_approval::{
    ApprovalCtx, ApprovalCtxView, ApprovalView, Approvals, ApprovalsBuilder, Decision, Error, Workspace,
};
use astrid_host_context::{Attribution, AuditEvent, Caller, HostContext, HostCx, Outcome, Provenance, Trail};
use astrid_host_testkit::{FakeHost, Recorder};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

mod answers;
mod owners;

const OWNER: Uuid = Uuid::from_u128(8);
/// The session id of the capsule that asks.
const ASKER: Uuid = Uuid::from_u128(0xfa4e);
const HOST: Uuid = Uuid::nil();

struct State {
    fake: FakeHost,
    ctx: ApprovalCtx,
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

type Waiting = JoinHandle<Result<Decision, Error>>;

/// A host with the bus and everybody on it. The connection [`OWNER`] is open.
struct World {
    bus: Bus,
    dispatcher: Arc<Dispatcher>,
    open: Arc<Mutex<HashSet<Uuid>>>,
    approvals: Arc<Approvals>,
    prompts: Observer,
}

impl World {
    fn new() -> Self {
        Self::on(Bus::new(), |approvals| approvals)
    }

    fn on(bus: Bus, change: impl FnOnce(ApprovalsBuilder) -> ApprovalsBuilder) -> Self {
        let open = Arc::new(Mutex::new(HashSet::from([OWNER])));
        let dispatcher = Arc::new(Dispatcher::builder().build(tokio::runtime::Handle::current()));
        let connections = open.clone();
        let is_open: Arc<dyn Fn(Uuid) -> bool + Send + Sync> =
            Arc::new(move |owner| connections.lock().contains(&owner));
        let prompter = AskOnBus { bus: bus.clone(), dispatcher: dispatcher.clone(), is_open };
        let approvals = change(Approvals::builder(Arc::new(prompter))).build();
        let prompts = bus.observe(AccessPattern::parse(TOPIC, Charset::Token).unwrap());
        Self { bus, dispatcher, open, approvals, prompts }
    }

    /// A store of `who` that serves a message of a connection or turn.
    fn serving(&self, who: &str, owner: Uuid, transport: Transport) -> State {
        let provenance = Provenance { transport, ..speaking(who, owner) };
        let caller = Caller { provenance, source: HOST, at: SystemTime::now(), trail: Trail::default() };
        let fake = FakeHost::builder().principal(who).caller(caller).build();
        State { fake, ctx: ApprovalCtx::builder(self.approvals.clone(), Workspace::new("/p")).build() }
    }

    fn ask(&self, who: &str) -> Waiting {
        ask(self.serving(who, OWNER, Transport::LocalSocket)).0
    }

    async fn prompt(&mut self) -> Value {
        serde_json::from_str(self.prompts.recv().await.unwrap().payload().as_str()).unwrap()
    }

    /// An answer as it should be, from the host's own front end.
    fn answer(&self, prompt: &Value, decision: &str) {
        self.reply(prompt, decision, speaking("alice", OWNER), HOST);
    }

    fn reply(&self, prompt: &Value, decision: &str, provenance: Provenance, source: Uuid) {
        self.bus.announce(draft(prompt, decision, provenance).source(source));
    }

    fn send(&self, id: &str, body: &str, provenance: Provenance) {
        let topic = Topic::host(&format!("{REPLIES}.{id}")).unwrap();
        self.bus.announce(Draft::new(topic, Payload::parse(body.to_owned()).unwrap(), provenance));
    }
}

fn draft(prompt: &Value, decision: &str, provenance: Provenance) -> Draft {
    let id = prompt["request_id"].as_str().unwrap();
    let body = json!({ "type": "approval_response", "request_id": id, "decision": decision });
    let topic = Topic::host(&format!("{REPLIES}.{id}")).unwrap();
    Draft::new(topic, Payload::parse(body.to_string()).unwrap(), provenance)
}

fn ask(mut state: State) -> (Waiting, Arc<Recorder>) {
    let recorder = state.fake.recorder().clone();
    let asking = async move { state.approval().request_approval("git push", "git push origin main").await };
    (tokio::spawn(asking), recorder)
}

fn speaking(who: &str, owner: Uuid) -> Provenance {
    crate::asked::speaking(&who.parse().unwrap(), owner)
}

fn via(record: &AuditEvent) -> &str {
    record.facts.iter().find(|(name, _)| *name == "via").map_or("", |(_, via)| via)
}

async fn decision(waiting: Waiting) -> Decision {
    waiting.await.unwrap().unwrap()
}

async fn settled() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

// approval case 15
#[tokio::test]
async fn the_question_has_six_members_and_speaks_for_whoever_is_asked() {
    let mut world = World::new();
    let asked = world.ask("alice");
    let message = world.prompts.recv().await.unwrap();
    let provenance = message.provenance();
    assert_eq!(
        (provenance.attribution.clone(), message.source()),
        (speaking("alice", OWNER).attribution, HOST)
    );
    assert_eq!(provenance.request_owner, Some(OWNER));
    let prompt: Value = serde_json::from_str(message.payload().as_str()).unwrap();
    let mut members: Vec<_> = prompt.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["action", "reason", "request_id", "request_owner", "resource", "type"]);
    assert_eq!(
        (&prompt["type"], &prompt["action"], &prompt["resource"]),
        (&json!("approval_required"), &json!("git push"), &json!("git push origin main"))
    );
    assert_eq!(prompt["reason"], "Capsule 'fake' requests approval");
    let id = uuid::Uuid::parse_str(prompt["request_id"].as_str().unwrap()).unwrap();
    assert_eq!(id.get_version_num(), 4);
    assert_eq!(prompt["request_owner"], OWNER.to_string());
    world.answer(&prompt, "approve");
    assert_eq!(decision(asked).await, Decision::Approved);
}

// approval case 2
#[tokio::test]
async fn what_is_remembered_is_answered_without_a_message() {
    let mut world = World::new();
    let asked = world.ask("alice");
    let prompt = world.prompt().await;
    world.answer(&prompt, "approve_session");
    assert_eq!(decision(asked).await, Decision::ApprovedSession);
    assert_eq!(decision(world.ask("alice")).await, Decision::Allowance);
    assert!(world.prompts.try_recv().unwrap().is_none());
}
