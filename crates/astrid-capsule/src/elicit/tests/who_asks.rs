//! Who may ask, and whom.

use super::*;

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
    let mut prompts = crate::elicit::Prompts::new(&world.open, &world.bus);
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
