//! Which answers count.

use super::*;

// approval case 21
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
            let draft =
                draft(&prompt, "approve", speaking("alice", OWNER)).charged_to("quick".parse().unwrap());
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
    let bus = Bus::builder().interceptors(sink.clone()).build();
    sink.0.set(bus.clone()).unwrap();
    let world = World::on(bus, |approvals| approvals);
    assert_eq!(decision(world.ask("alice")).await, Decision::Approved);
}

// approval case 17
#[tokio::test]
async fn answers_that_do_not_count_are_ignored_and_recorded_once_a_sender_and_the_right_one_still_counts() {
    let mut world = World::new();
    let (asked, recorder) = ask(world.serving("alice", OWNER, Transport::LocalSocket));
    let prompt = world.prompt().await;
    let id = prompt["request_id"].as_str().unwrap().to_owned();
    let right = || speaking("alice", OWNER);
    for _ in 0..3 {
        world.reply(&prompt, "approve_always", speaking("bob", OWNER), HOST);
    }
    world.reply(&prompt, "approve_always", Provenance::system(), HOST);
    let claimed = Provenance { attribution: Attribution::Claimed("alice".parse().unwrap()), ..right() };
    world.reply(&prompt, "approve_always", claimed, Uuid::from_u128(5));
    world.reply(&prompt, "approve_always", speaking("alice", Uuid::from_u128(9)), Uuid::from_u128(1));
    let ownerless = Provenance { request_owner: None, ..right() };
    world.reply(&prompt, "approve_always", ownerless, Uuid::from_u128(2));
    // From the right sender, and no answer to this question.
    for body in [
        json!({ "type": "approval_response", "request_id": Uuid::from_u128(3).to_string(), "decision": "approve" }),
        json!({ "type": "approval_required", "request_id": id, "decision": "approve" }),
        json!({ "type": "approval_response", "decision": "approve" }),
        json!({ "type": "approval_response", "request_id": id, "decision": 7 }),
        json!("approve"),
    ] {
        world.send(&id, &body.to_string(), right());
    }
    settled().await;
    assert!(!asked.is_finished());
    world.answer(&prompt, "approve");
    assert_eq!(decision(asked).await, Decision::Approved);
    let records = recorder.audited();
    let rejected: Vec<_> = records.iter().filter(|record| record.op.function == "rejected").collect();
    // bob, the host without a name, the claim, two other capsules, and alice's own front end.
    assert_eq!(rejected.len(), 6, "{rejected:?}");
    for record in &rejected {
        assert_eq!(record.outcome, Outcome::Denied("rejected"));
        assert!(record.facts.contains(&("request", id.clone())));
    }
    let words: Vec<_> = records.iter().map(|record| record.op.function).collect();
    assert_eq!((words[0], words[words.len() - 1]), ("requested", "decided"));
    assert_eq!(via(&records[records.len() - 1]), "user");
}

// approval case 10
#[tokio::test]
async fn an_answer_that_is_no_word_of_consent_is_a_denial() {
    let mut world = World::new();
    for word in ["deny", "", "APPROVE", "allowance", "yes"] {
        let asked = world.ask("alice");
        let prompt = world.prompt().await;
        world.answer(&prompt, word);
        assert_eq!(decision(asked).await, Decision::Denied, "{word:?}");
    }
}

// approval case 18
#[tokio::test(start_paused = true)]
async fn a_stream_of_wrong_answers_does_not_move_the_deadline() {
    let patience = Duration::from_millis(150);
    let mut world = World::on(Bus::new(), |approvals| approvals.patience(patience));
    let begun = Instant::now();
    let asked = world.ask("alice");
    let prompt = world.prompt().await;
    let flood = async {
        for _ in 0..50 {
            world.reply(&prompt, "approve", speaking("bob", OWNER), HOST);
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

// approval case 19
#[tokio::test]
async fn the_capsule_that_asks_does_not_answer_itself_and_no_guest_hears_answers() {
    let mut world = World::new();
    let audience = Audience {
        capsule: "fake".parse().unwrap(),
        owner: Some("alice".parse().unwrap()),
        admission: Admission::Everyone,
        reads_all_audit: true,
    };
    let subscribed = ["astrid.v1.approval.response.*", "astrid.v1.*", "astrid.v1.approval.*"]
        .map(|pattern| Pattern::parse(pattern, Charset::Token).unwrap())
        .map(|pattern| world.bus.subscribe(pattern, audience.clone(), &Gate::opened()));
    let asked = world.ask("alice");
    let prompt = world.prompt().await;
    world.reply(&prompt, "approve", speaking("alice", OWNER), ASKER);
    settled().await;
    assert!(!asked.is_finished());
    world.answer(&prompt, "approve_session");
    assert_eq!(decision(asked).await, Decision::ApprovedSession);
    for subscription in subscribed {
        for message in subscription.drain().unwrap().messages {
            assert_eq!(message.topic().as_str(), TOPIC, "an answer reached a guest");
        }
    }
}

// approval case 19, request-context case 8
#[tokio::test]
async fn a_capsule_that_relays_answers_for_the_connection_it_serves_and_for_no_other() {
    let mut world = World::new();
    let asked = world.ask("alice");
    let prompt = world.prompt().await;
    let relay = Uuid::from_u128(5);
    world.reply(&prompt, "approve", speaking("alice", Uuid::from_u128(9)), relay);
    world.reply(&prompt, "approve", Provenance { request_owner: None, ..speaking("alice", OWNER) }, relay);
    settled().await;
    assert!(!asked.is_finished(), "it served another connection, or none");
    world.reply(&prompt, "approve", speaking("alice", OWNER), relay);
    assert_eq!(decision(asked).await, Decision::Approved);
}
