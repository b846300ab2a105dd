//! What handlers of one event do to one another.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod common;

use astrid_dispatch::Answer;
use common::*;

/// Capsules 1, 2, … with these priorities and answers on `t`; each notes what it got.
fn chain(world: &World, seen: &Seen, links: &[(u32, Answer)]) {
    for (n, (priority, answer)) in (1u128..).zip(links) {
        let (seen, answer) = (seen.clone(), answer.clone());
        world.capsule(n, "t", *priority, move |call| {
            seen.note(format!("{n} {}", std::str::from_utf8(&call.payload).unwrap()));
            let answer = answer.clone();
            async move { answer }
        });
    }
}

async fn run(links: &[(u32, Answer)]) -> (Vec<String>, Option<String>) {
    let (world, seen) = (World::new(), Seen::default());
    chain(&world, &seen, links);
    let mut receipts = world.observe("astrid.v1.delivery.failure.*");
    world.announce(
        Some("alice"),
        "t",
        r#"{"type":"custom","data":"A","_astrid_delivery_id":"00000000000000000000000000000001"}"#,
    );
    world.dispatcher.idle().await;
    let told = drain(&mut receipts).await;
    assert!(told.len() <= 1);
    (seen.all(), told.first().map(reason))
}

fn with(text: &'static str) -> Answer {
    Answer::Continue(text.into())
}

fn deny() -> Answer {
    Answer::Deny("no".to_owned())
}

fn not_supported() -> Answer {
    Answer::Skipped("not supported".to_owned())
}

// dispatch case 6, guest cases 11 and 12
#[tokio::test]
async fn a_chain_passes_replacements_on_and_stops_at_final_and_deny() {
    for (links, called, receipt) in [
        (
            vec![(10, with("\"B\"")), (50, proceed()), (100, proceed())],
            vec!["1 \"A\"", "2 \"B\"", "3 \"B\""],
            None,
        ),
        (
            vec![(10, proceed()), (50, deny()), (100, proceed())],
            vec!["1 \"A\"", "2 \"A\""],
            Some("denied: no"),
        ),
        (vec![(10, Answer::Final("x".into())), (50, proceed()), (100, proceed())], vec!["1 \"A\""], None),
        (vec![(100, proceed()), (50, proceed()), (10, with("1"))], vec!["3 \"A\"", "2 1", "1 1"], None),
    ] {
        let got = run(&links).await;
        assert_eq!(
            got,
            (called.into_iter().map(str::to_owned).collect(), receipt.map(str::to_owned)),
            "{links:?}"
        );
    }
}

// dispatch case 7, guest case 16
#[tokio::test]
async fn handlers_of_one_priority_cannot_suppress_one_another() {
    let (mut called, receipt) = run(&[(100, deny()), (100, with("1")), (100, proceed())]).await;
    called.sort();
    assert_eq!(called, ["1 \"A\"", "2 \"A\"", "3 \"A\""]);
    assert_eq!(receipt, None);
    // All of them refused: the publisher hears of it, once.
    let (_, receipt) = run(&[(100, deny()), (100, deny())]).await;
    assert_eq!(receipt.as_deref(), Some("denied: no"));
}

// guest case 16
#[tokio::test]
async fn priorities_10_20_20_are_a_chain_with_ties_by_capsule() {
    let (called, _) = run(&[(20, proceed()), (10, proceed()), (20, proceed())]).await;
    assert_eq!(called, ["2 \"A\"", "1 \"A\"", "3 \"A\""]);
    let (called, _) = run(&[(u32::MAX, proceed()), (0, proceed())]).await;
    assert_eq!(called, ["2 \"A\"", "1 \"A\""]);
}

// dispatch case 8
#[tokio::test]
async fn a_link_that_cannot_be_asked_is_skipped() {
    let (called, receipt) = run(&[(10, not_supported()), (50, proceed())]).await;
    assert_eq!((called.len(), receipt), (2, None));
    let (called, receipt) = run(&[(10, not_supported())]).await;
    assert_eq!((called.len(), receipt.as_deref()), (1, Some("failed")));
}

#[tokio::test]
async fn a_capsule_with_several_actions_gets_one_call_for_each() {
    let (world, seen) = (World::new(), Seen::default());
    let s = seen.clone();
    world.capsule_with(1, &[("a.*", "second"), ("a.b", "first"), ("a.*.c", "never")], 100, 4, move |call| {
        s.note(&*call.action);
        async { proceed() }
    });
    world.announce(Some("alice"), "a.b", "0");
    world.dispatcher.idle().await;
    assert_eq!(seen.all(), ["first", "second"]);
}

#[tokio::test]
async fn chains_of_one_principal_through_the_same_capsules_keep_the_order_of_their_events() {
    let (world, seen) = (World::new(), Seen::default());
    for (n, priority) in [(1u128, 10), (2, 20), (3, 30)] {
        let seen = seen.clone();
        world.capsule(n, "t", priority, move |call| {
            let seen = seen.clone();
            async move {
                // Later events take less time, so that they would overtake if they could.
                let event: usize = std::str::from_utf8(&call.payload).unwrap().parse().unwrap();
                for _ in event..20 {
                    tokio::task::yield_now().await;
                }
                seen.note(format!("{n} {event}"));
                proceed()
            }
        });
    }
    for event in 0..20 {
        world.announce(Some("alice"), "t", &event.to_string());
    }
    world.dispatcher.idle().await;
    for n in 1..=3 {
        let of: Vec<_> = seen.all().into_iter().filter(|s| s.starts_with(&format!("{n} "))).collect();
        assert_eq!(of, (0..20).map(|event| format!("{n} {event}")).collect::<Vec<_>>());
    }
}

// dispatch case 9 and §5: a full queue in a chain
#[tokio::test(start_paused = true)]
async fn a_link_whose_queue_stays_full_stops_the_chain() {
    let (world, seen, brake) = (World::new(), Seen::default(), Brake::new());
    let b = brake.clone();
    world.capsule_with(2, &[("t", "link"), ("busy", "busy")], 50, 4, move |call| {
        let brake = b.clone();
        async move {
            if &*call.action == "busy" {
                brake.wait().await;
            }
            proceed()
        }
    });
    for (n, priority) in [(1u128, 10), (3, 100)] {
        let seen = seen.clone();
        world.capsule(n, "t", priority, move |_| {
            seen.note(n.to_string());
            async { proceed() }
        });
    }
    let mut receipts = world.observe("astrid.v1.delivery.failure.*");
    for _ in 0..65 {
        world.announce(Some("alice"), "busy", "0");
        rest().await;
    }
    world.announce(Some("alice"), "t", &asking(5));
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(seen.all(), ["1"]);
    assert_eq!(json(&drain(&mut receipts).await[0])["reason"], "queue full");
    brake.release(65);
    world.dispatcher.idle().await;
}

// dispatch case 20, guest case 33
#[tokio::test]
async fn a_lifecycle_event_reaches_its_handlers_without_a_principal() {
    let world = World::new();
    let seen = Seen::default();
    let s = seen.clone();
    world.capsule(1, "astrid.v1.lifecycle.session_created", 100, move |call| {
        let json: serde_json::Value = serde_json::from_slice(&call.payload).unwrap();
        let id = json["metadata"]["event_id"].as_str().unwrap();
        assert_eq!(uuid::Uuid::parse_str(id).unwrap().to_string(), id);
        assert!(call.caller.source.is_nil());
        s.note(format!("{} {} {:?}", json["type"], json["session"], call.authority));
        async { proceed() }
    });
    let event = || astrid_event_bus::LifecycleEvent::new("session_created").unwrap().field("session", 7);
    world.bus.announce(event().into_draft().unwrap());
    world.bus.announce(event().field("type", "forged").acting(principal("alice")).into_draft().unwrap());
    world.dispatcher.idle().await;
    let mut all = seen.all();
    all.sort();
    assert_eq!(all, ["\"session_created\" 7 None", "\"session_created\" 7 Some(Principal(\"alice\"))"]);
    assert!(astrid_event_bus::LifecycleEvent::new("session_made").is_err());
}
