//! Which answers count.

use super::*;

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
