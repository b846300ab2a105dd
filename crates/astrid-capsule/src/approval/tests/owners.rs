//! Whose question it is, and what becomes of it when they go.

use super::*;

// approval case 22
#[tokio::test(start_paused = true)]
async fn a_connection_that_closes_has_denied_and_another_of_the_same_principal_has_no_say() {
    let mut world = World::new();
    let (asked, recorder) = ask(world.serving("alice", OWNER, Transport::LocalSocket));
    let prompt = world.prompt().await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let second = Uuid::from_u128(9);
    world.open.lock().insert(second);
    let proven = Provenance {
        transport: Transport::LocalSocket,
        device_key: Some("key".into()),
        ..speaking("alice", second)
    };
    world.reply(&prompt, "approve", proven, HOST);
    settled().await;
    assert!(!asked.is_finished());
    let begun = Instant::now();
    world.open.lock().remove(&OWNER);
    assert_eq!(decision(asked).await, Decision::Denied);
    assert!(begun.elapsed() <= Duration::from_millis(100), "{:?}", begun.elapsed());
    assert_eq!(via(recorder.audited().last().unwrap()), "owner_gone");
}

// approval §2.4
#[tokio::test]
async fn a_connection_that_is_closed_already_is_not_asked() {
    let world = World::new();
    let (asked, recorder) = ask(world.serving("alice", Uuid::from_u128(9), Transport::LocalSocket));
    assert_eq!(decision(asked).await, Decision::Denied);
    assert_eq!(via(recorder.audited().last().unwrap()), "owner_gone");
    let mut world = world;
    assert!(world.prompts.try_recv().unwrap().is_none());
}

// approval case 20, request-context case 9
#[tokio::test]
async fn without_an_owner_nothing_is_put_on_the_bus() {
    let mut world = World::new();
    let mut state = world.serving("alice", OWNER, Transport::LocalSocket);
    state.fake.set_call(|call| call.caller(None));
    let (asked, recorder) = ask(state);
    assert_eq!(decision(asked).await, Decision::Denied);
    assert_eq!(via(recorder.audited().last().unwrap()), "no_request_owner");
    settled().await;
    assert!(world.prompts.try_recv().unwrap().is_none());
}

// uplink case 27, approval §2.5, ipc case 41
#[tokio::test]
async fn a_question_of_an_uplinks_turn_is_answered_by_that_uplink_under_delegation_or_by_the_principal() {
    let (turn, uplink) = (Uuid::from_u128(70), Uuid::from_u128(77));
    for proven in [false, true] {
        let mut world = World::new();
        world.dispatcher.uplink_turn(turn, uplink);
        // What an uplink brings in has no connection and is a claim.
        let mut state = world.serving("alice", turn, Transport::System);
        let mut caller = state.fake.call().caller().unwrap().clone();
        caller.provenance.attribution = Attribution::Claimed("alice".parse().unwrap());
        state.fake.set_call(|call| call.caller(Some(caller)));
        let asked = ask(state).0;
        let prompt = world.prompt().await;
        assert_eq!(prompt["request_owner"], turn.to_string());
        let claim = || {
            let attribution = Attribution::Claimed("alice".parse().unwrap());
            draft(&prompt, "approve", Provenance { request_owner: Some(turn), ..Provenance::of(attribution) })
        };
        world.bus.announce(claim().source(uplink));
        world.bus.announce(claim().delegated().source(Uuid::from_u128(78)));
        settled().await;
        assert!(!asked.is_finished(), "without delegation, or by another capsule");
        if proven {
            let connection = Provenance {
                transport: Transport::LocalSocket,
                device_key: Some("key".into()),
                ..speaking("alice", Uuid::from_u128(9))
            };
            world.reply(&prompt, "approve", connection, Uuid::from_u128(5));
        } else {
            world.bus.announce(claim().delegated().source(uplink));
        }
        assert_eq!(decision(asked).await, Decision::Approved);
    }
}

// approval §2.5: the turn of a gateway has no connection here
#[tokio::test(start_paused = true)]
async fn a_question_of_a_gateways_turn_waits_for_its_answer() {
    let mut world = World::new();
    let turn = Uuid::from_u128(70);
    let asked = ask(world.serving("alice", turn, Transport::RemoteGateway)).0;
    let prompt = world.prompt().await;
    tokio::time::sleep(Duration::from_secs(50)).await;
    world.reply(&prompt, "deny", speaking("alice", turn), HOST);
    assert_eq!(decision(asked).await, Decision::Denied);
}
