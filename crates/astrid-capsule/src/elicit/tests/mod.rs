//! Questions on the bus, and which answers to them count.

use std::time::{Duration, SystemTime};

use astrid_event_bus::{
    AccessPattern, Admission, Audience, Charset, Draft, Gate, Observer, Pattern, Payload, Topic,
};
use astrid_host_context::{
    Attribution, CallKind, Caller, HostContext, HostCx, LifecyclePhase, Outcome, Provenance, Trail,
};
use astrid_host_elicit::{
    ElicitCtx, ElicitCtxView, ElicitView, Elicitation, Error, Kind, MemorySecrets, Questions,
    QuestionsBuilder, Response, Slot as SecretSlot,
};
use astrid_host_testkit::{FakeHost, Recorder};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

mod answers;
mod question;
mod who_asks;

const OWNER: Uuid = Uuid::from_u128(8);
/// The session id of the capsule that asks.
const ASKER: Uuid = Uuid::from_u128(0xfa4e);
const HOST: Uuid = Uuid::nil();

struct State {
    fake: FakeHost,
    ctx: ElicitCtx,
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

type Asked = JoinHandle<Result<Response, Error>>;

/// A host with the bus and everybody on it.
struct World {
    bus: Bus,
    dispatcher: Arc<Dispatcher>,
    open: Arc<Open>,
    questions: Arc<Questions>,
    secrets: Arc<MemorySecrets>,
    prompts: Observer,
}

impl World {
    fn new() -> Self {
        Self::with(|questions| questions)
    }

    fn with(change: impl FnOnce(QuestionsBuilder) -> QuestionsBuilder) -> Self {
        let (bus, open) = (Bus::new(), Arc::new(Open::default()));
        let dispatcher = Arc::new(Dispatcher::builder().build(tokio::runtime::Handle::current()));
        let prompter = AskOnBus::new(bus.clone(), dispatcher.clone(), Connections::new(), open.clone());
        let questions = change(Questions::builder(Arc::new(prompter))).build();
        let prompts = bus.observe(AccessPattern::parse(TOPIC, Charset::Token).unwrap());
        // Live for as long as the host is: an uplink's turn has no connection that could close.
        dispatcher.uplink_turn(OWNER, Uuid::from_u128(77));
        Self { bus, dispatcher, open, questions, secrets: Arc::default(), prompts }
    }

    fn ctx(&self, owner: Option<Uuid>) -> ElicitCtx {
        let builder = ElicitCtx::builder(self.questions.clone()).secrets(self.secrets.clone());
        owner.into_iter().fold(builder, |builder, owner| builder.owner(owner)).build()
    }

    /// A store of `who` in the middle of its install hook.
    fn installing(&self, who: &str) -> State {
        let mut fake = FakeHost::builder().principal(who).build();
        fake.set_call(|call| call.phase(LifecyclePhase::Install));
        State { fake, ctx: self.ctx(Some(OWNER)) }
    }

    fn ask(&self, who: &str, kind: Kind, key: &str) -> Asked {
        ask(self.installing(who), question(kind, key)).0
    }

    /// The next question as it is said.
    async fn said(&mut self) -> String {
        self.prompts.recv().await.unwrap().payload().as_str().to_owned()
    }

    async fn prompt(&mut self) -> Value {
        serde_json::from_str(&self.said().await).unwrap()
    }

    /// An answer as it should be, from the host's own front end.
    fn answer(&self, prompt: &Value, more: Value) {
        self.reply(prompt, more, speaking("alice", OWNER), HOST);
    }

    fn reply(&self, prompt: &Value, more: Value, provenance: Provenance, source: Uuid) {
        let id = prompt["request_id"].as_str().unwrap();
        let mut body = json!({ "type": "elicit_response", "request_id": id });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.send(id, &body.to_string(), provenance, source);
    }

    fn send(&self, id: &str, body: &str, provenance: Provenance, source: Uuid) {
        let topic = Topic::host(&format!("{REPLIES}.{id}")).unwrap();
        let payload = Payload::parse(body.to_owned()).unwrap();
        self.bus.announce(Draft::new(topic, payload, provenance).source(source));
    }
}

fn question(kind: Kind, key: &str) -> Elicitation {
    Elicitation { kind, key: key.to_owned(), description: String::new(), options: None, default: None }
}

fn ask(mut state: State, question: Elicitation) -> (Asked, Arc<Recorder>) {
    let recorder = state.fake.recorder().clone();
    (tokio::spawn(async move { state.elicit().elicit(question).await }), recorder)
}

fn speaking(who: &str, owner: Uuid) -> Provenance {
    crate::asked::speaking(&who.parse().unwrap(), owner)
}

fn value(answer: Result<Response, Error>) -> String {
    match answer {
        Ok(Response::Value(text)) => text.reveal().to_owned(),
        other => panic!("{other:?}"),
    }
}

async fn settled() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
