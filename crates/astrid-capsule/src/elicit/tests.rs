//! Questions on the bus, and which answers to them count.

use std::time::SystemTime;

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

// elicit case 4
#[tokio::test]
async fn the_question_is_the_contracts_to_the_letter() {
    let mut world = World::new();
    let default = Some("d".to_owned());
    let (_asked, _) = ask(world.installing("alice"), Elicitation { default, ..question(Kind::Text, "name") });
    let said = world.said().await;
    let id = serde_json::from_str::<Value>(&said).unwrap()["request_id"].as_str().unwrap().to_owned();
    assert_eq!(
        said,
        format!(
            r#"{{"type":"elicit_request","request_id":"{id}","capsule_id":"fake","field":{{"key":"name","prompt":"name","field_type":"Text","default":"d"}}}}"#
        )
    );
    assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 4);
}

// elicit cases 5, 11
#[tokio::test]
async fn each_kind_has_its_field_and_descriptions_are_clean() {
    let mut world = World::new();
    let options = Some(vec!["a".to_owned(), "b".to_owned()]);
    let described = "Pick\u{1b}[31m one".to_owned();
    let pick = Elicitation { options, description: described, ..question(Kind::Select, "pick") };
    let (asked, _) = ask(world.installing("alice"), pick);
    let prompt = world.prompt().await;
    let field = json!({
        "key": "pick", "prompt": "Pick[31m one", "description": "Pick[31m one", "field_type": { "Enum": ["a", "b"] },
    });
    assert_eq!(prompt["field"], field);
    world.answer(&prompt, json!({ "value": "b" }));
    assert_eq!(value(asked.await.unwrap()), "b");
    for (kind, name) in [(Kind::Secret, "Secret"), (Kind::Array, "Array")] {
        let _asked = world.ask("alice", kind, "k");
        assert_eq!(world.prompt().await["field"], json!({ "key": "k", "prompt": "k", "field_type": name }));
    }
}

#[tokio::test]
async fn the_question_is_the_hosts_for_its_principal_and_connection() {
    let mut world = World::new();
    let _asked = world.ask("alice", Kind::Text, "name");
    let message = world.prompts.recv().await.unwrap();
    assert_eq!((message.source(), message.provenance()), (HOST, &speaking("alice", OWNER)));
}

// elicit case 14
#[tokio::test]
async fn an_answer_that_is_given_while_the_question_is_being_said_is_heard() {
    /// Answers from within the publication.
    struct Quick(std::sync::OnceLock<Bus>);

    impl astrid_event_bus::InterceptorSink for Quick {
        fn try_reserve(
            &self,
            _: &Draft,
            _: &Arc<astrid_event_bus::Binding>,
        ) -> Result<astrid_event_bus::Slot, astrid_event_bus::NoSlot> {
            Err(astrid_event_bus::NoSlot::Gone)
        }

        fn reserve<'a>(
            &'a self,
            _: &'a Draft,
            _: &'a Arc<astrid_event_bus::Binding>,
        ) -> astrid_event_bus::Reserving<'a> {
            Box::pin(std::future::ready(Err(astrid_event_bus::NoSlot::Gone)))
        }

        fn hand_over(&self, message: &astrid_event_bus::Message, _: astrid_event_bus::HandOver) {
            if message.topic().as_str() != TOPIC {
                return;
            }
            let prompt: Value = serde_json::from_slice(message.payload().bytes()).unwrap();
            let id = prompt["request_id"].as_str().unwrap();
            let body = json!({ "type": "elicit_response", "request_id": id, "value": "quick" });
            let topic = Topic::host(&format!("{REPLIES}.{id}")).unwrap();
            let payload = Payload::parse(body.to_string()).unwrap();
            let draft =
                Draft::new(topic, payload, speaking("alice", OWNER)).charged_to("quick".parse().unwrap());
            let (bus, (given, done)) = (self.0.get().unwrap().clone(), std::sync::mpsc::channel());
            std::thread::spawn(move || {
                bus.announce(draft);
                let _ = given.send(());
            });
            // Two lanes may share a turn; then the answer comes right after the publication.
            let _ = done.recv_timeout(Duration::from_secs(1));
        }
    }

    let sink = Arc::new(Quick(std::sync::OnceLock::new()));
    let mut world = World::new();
    let bus = Bus::builder().interceptors(sink.clone()).build();
    sink.0.set(bus.clone()).unwrap();
    let prompter = AskOnBus::new(bus, world.dispatcher.clone(), Connections::new(), world.open.clone());
    world.questions = Questions::builder(Arc::new(prompter)).build();
    assert_eq!(value(world.ask("alice", Kind::Text, "name").await.unwrap()), "quick");
}

// elicit cases 15, 30
#[tokio::test]
async fn answers_that_do_not_count_are_ignored_and_recorded_once_a_sender_and_the_right_one_still_counts() {
    let mut world = World::new();
    let (asked, recorder) = ask(world.installing("alice"), question(Kind::Text, "name"));
    let prompt = world.prompt().await;
    let id = prompt["request_id"].as_str().unwrap().to_owned();
    let wrong = json!({ "value": "wrong" });
    let right = || speaking("alice", OWNER);
    for _ in 0..3 {
        world.reply(&prompt, wrong.clone(), speaking("bob", OWNER), HOST);
    }
    world.reply(&prompt, wrong.clone(), Provenance::system(), HOST);
    let claimed = Attribution::Claimed("alice".parse().unwrap());
    let other = Uuid::from_u128(5);
    world.reply(&prompt, wrong.clone(), Provenance { attribution: claimed, ..right() }, other);
    world.reply(&prompt, wrong.clone(), speaking("alice", Uuid::from_u128(9)), Uuid::from_u128(1));
    let ownerless = Provenance { request_owner: None, ..right() };
    world.reply(&prompt, wrong.clone(), ownerless, Uuid::from_u128(2));
    // From the right sender, and no answer to this question.
    for body in [
        json!({ "type": "elicit_response", "request_id": Uuid::from_u128(3).to_string(), "value": "wrong" }),
        json!({ "type": "elicit_request", "request_id": id, "value": "wrong" }),
        json!({ "type": "elicit_response", "value": "wrong" }),
        json!({ "type": "elicit_response", "request_id": id, "value": 7 }),
        json!("wrong"),
    ] {
        world.send(&id, &body.to_string(), right(), HOST);
    }
    settled().await;
    assert!(!asked.is_finished());
    world.answer(&prompt, json!({ "value": "right" }));
    assert_eq!(value(asked.await.unwrap()), "right");
    let records = recorder.audited();
    let rejected: Vec<_> = records.iter().filter(|record| record.op.function == "rejected").collect();
    // bob, the host without a name, the claim, two other capsules, and alice's own front end.
    assert_eq!(rejected.len(), 6, "{rejected:?}");
    for record in &rejected {
        assert_eq!(record.outcome, Outcome::Denied("rejected"));
        assert!(record.facts.contains(&("request", id.clone())));
    }
    let words: Vec<_> = records.iter().map(|record| record.op.function).collect();
    assert_eq!((words[0], words[words.len() - 1]), ("sent", "elicit"));
    assert!(!format!("{records:?}").contains("wrong") && !format!("{records:?}").contains("\"right\""));
}

// elicit case 16
#[tokio::test(start_paused = true)]
async fn a_stream_of_wrong_answers_does_not_move_the_deadline() {
    let patience = Duration::from_millis(150);
    let mut world = World::with(|questions| questions.patience(patience));
    let begun = Instant::now();
    let asked = world.ask("alice", Kind::Text, "name");
    let prompt = world.prompt().await;
    let flood = async {
        for _ in 0..50 {
            world.reply(&prompt, json!({ "value": "x" }), speaking("bob", OWNER), HOST);
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    };
    let ended = async {
        assert!(matches!(asked.await.unwrap(), Err(Error::Timeout)));
        begun.elapsed()
    };
    let ((), took) = tokio::join!(flood, ended);
    assert!(took >= patience && took < patience + Duration::from_millis(10), "{took:?}");
}

// elicit case 17
#[tokio::test]
async fn the_capsule_that_asks_does_not_answer_itself_and_no_guest_hears_answers() {
    let mut world = World::new();
    let audience = Audience {
        capsule: "fake".parse().unwrap(),
        owner: Some("alice".parse().unwrap()),
        admission: Admission::Everyone,
        reads_all_audit: true,
    };
    let subscribed = ["astrid.v1.elicit.response.*", "astrid.v1.*", "astrid.v1.elicit.*"]
        .map(|pattern| Pattern::parse(pattern, Charset::Token).unwrap())
        .map(|pattern| world.bus.subscribe(pattern, audience.clone(), &Gate::opened()));
    let asked = world.ask("alice", Kind::Secret, "token");
    let prompt = world.prompt().await;
    world.reply(&prompt, json!({ "value": "self-made" }), speaking("alice", OWNER), ASKER);
    settled().await;
    assert!(!asked.is_finished());
    world.answer(&prompt, json!({ "value": "s3cret" }));
    assert_eq!(asked.await.unwrap().unwrap(), Response::SecretStored);
    let slot = SecretSlot {
        principal: "alice".parse().unwrap(),
        capsule: "fake".parse().unwrap(),
        key: astrid_host_elicit::Key::parse("token").unwrap(),
    };
    assert_eq!(world.secrets.get(&slot).unwrap().reveal(), "s3cret");
    for subscription in subscribed {
        for message in subscription.drain().unwrap().messages {
            assert_eq!(message.topic().as_str(), TOPIC, "an answer reached a guest");
        }
    }
}

// elicit case 18
#[tokio::test]
async fn crossed_answers_of_two_installations_reach_nobody_and_own_ones_do() {
    let mut world = World::new();
    let alice = world.ask("alice", Kind::Text, "name");
    let for_alice = world.prompt().await;
    let bob = world.ask("bob", Kind::Text, "name");
    let for_bob = world.prompt().await;
    world.reply(&for_alice, json!({ "value": "bob's" }), speaking("bob", OWNER), HOST);
    world.reply(&for_bob, json!({ "value": "alice's" }), speaking("alice", OWNER), HOST);
    settled().await;
    assert!(!alice.is_finished() && !bob.is_finished());
    world.reply(&for_bob, json!({ "value": "bob's" }), speaking("bob", OWNER), HOST);
    world.answer(&for_alice, json!({ "value": "alice's" }));
    assert_eq!((value(alice.await.unwrap()), value(bob.await.unwrap())), ("alice's".into(), "bob's".into()));
}

// elicit cases 1, 2
#[tokio::test]
async fn a_loop_asks_only_where_the_operator_lets_it_and_somebody_is_there() {
    let loop_of = |world: &World, owner: Option<Uuid>| {
        let provenance = Provenance { request_owner: owner, ..speaking("alice", OWNER) };
        let caller = Caller { provenance, source: HOST, at: SystemTime::now(), trail: Trail::default() };
        let fake = FakeHost::builder().kind(CallKind::RunLoop).caller(caller).build();
        State { fake, ctx: world.ctx(None) }
    };
    let mut denied = World::new();
    let (asked, recorder) = ask(loop_of(&denied, Some(OWNER)), question(Kind::Text, "not a key"));
    assert!(matches!(asked.await.unwrap(), Err(Error::NotInLifecycle)));
    assert!(denied.prompts.try_recv().unwrap().is_none());
    assert_eq!(recorder.audited().len(), 1);
    let mut world = World::with(|questions| questions.interactive(true));
    for owner in [None, Some(Uuid::from_u128(1))] {
        let (asked, _) = ask(loop_of(&world, owner), question(Kind::Text, "name"));
        assert!(matches!(asked.await.unwrap(), Err(Error::NotInLifecycle)), "{owner:?}");
    }
    assert!(world.prompts.try_recv().unwrap().is_none());
    let (asked, _) = ask(loop_of(&world, Some(OWNER)), question(Kind::Text, "name"));
    let prompt = world.prompt().await;
    world.answer(&prompt, json!({ "value": "Ada" }));
    assert_eq!(value(asked.await.unwrap()), "Ada");
}

// elicit chapter §2.5, approval chapter §2.5
#[tokio::test]
async fn a_question_of_an_uplinks_turn_is_answered_by_that_uplink_under_delegation() {
    let mut world = World::new();
    let asked = world.ask("alice", Kind::Text, "name");
    let prompt = world.prompt().await;
    let id = prompt["request_id"].as_str().unwrap().to_owned();
    let claimed = || {
        let body = json!({ "type": "elicit_response", "request_id": id, "value": "by uplink" });
        let attribution = Attribution::Claimed("alice".parse().unwrap());
        let topic = Topic::host(&format!("{REPLIES}.{id}")).unwrap();
        Draft::new(topic, Payload::parse(body.to_string()).unwrap(), Provenance::of(attribution))
    };
    world.bus.announce(claimed().source(Uuid::from_u128(77)));
    world.bus.announce(claimed().delegated().source(Uuid::from_u128(78)));
    settled().await;
    assert!(!asked.is_finished());
    world.bus.announce(claimed().delegated().source(Uuid::from_u128(77)));
    assert_eq!(value(asked.await.unwrap()), "by uplink");
}

// elicit §2.6: the owner's connection closed
#[tokio::test(start_paused = true)]
async fn a_question_whose_asker_has_nobody_left_to_ask_is_cancelled_within_a_second() {
    let mut world = World::new();
    let owner = Open::mint(&world.open);
    let mut state = world.installing("alice");
    state.ctx = world.ctx(Some(owner.id()));
    let (asked, _) = ask(state, question(Kind::Secret, "token"));
    let prompt = world.prompt().await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(!asked.is_finished());
    let (id, begun) = (owner.id(), Instant::now());
    drop(owner);
    assert!(matches!(asked.await.unwrap(), Err(Error::Withdrawn)));
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(world.open.waiting().is_empty());
    // Too late, and for nobody.
    world.reply(&prompt, json!({ "value": "late" }), speaking("alice", id), HOST);
    settled().await;
    assert_eq!(world.questions.pending(), 0);
}

#[tokio::test]
async fn the_front_end_of_this_process_answers_its_own_hooks_and_nobody_elses() {
    let world = World::new();
    let owner = Open::mint(&world.open);
    let own = |key: &str| {
        let mut state = world.installing("alice");
        state.ctx = world.ctx(Some(owner.id()));
        ask(state, question(Kind::Text, key)).0
    };
    let early = own("early");
    let theirs = world.ask("alice", Kind::Text, "theirs");
    settled().await;
    let mut prompts = super::super::Prompts::new(&world.open, &world.bus);
    let first = prompts.next().await.unwrap();
    assert_eq!((first.key(), first.capsule(), first.text()), ("early", "fake", "early"));
    let late = own("late");
    let second = prompts.next().await.unwrap();
    assert_eq!((second.key(), second.principal().as_str()), ("late", "alice"));
    second.answer(Reply::value("2")).unwrap();
    first.answer(Reply::declined()).unwrap();
    assert_eq!(value(late.await.unwrap()), "2");
    assert!(matches!(early.await.unwrap(), Err(Error::Declined)));
    settled().await;
    assert!(!theirs.is_finished(), "another connection's");
    let gone = own("gone");
    let third = prompts.next().await.unwrap();
    gone.abort();
    third.withdrawn().await;
    assert_eq!(third.answer(Reply::value("x")).unwrap_err().code(), crate::Code::Cancelled);
    let mut none = Box::pin(prompts.next());
    tokio::select! {
        biased;
        shown = &mut none => panic!("{shown:?}"),
        () = settled() => {}
    }
}
