//! What the contract with guests promises about whose call it is, and what is left after one.

use std::sync::Arc;
use std::time::Duration;

use crate::support::warnings::Warnings;
use crate::support::{Place, ask, call, guest};
use astrid_capsule::{Capsule, Code, HandlerResult, Readiness, Runtime, State};
use astrid_event_bus::Observer;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

const SETTLE: Duration = Duration::from_secs(30);

fn spawn(capsule: &Arc<dyn Capsule>, who: &'static str, action: &'static str, input: Value) -> Call {
    let capsule = capsule.clone();
    tokio::spawn(async move { call(&capsule, who, action, input).await })
}

type Call = JoinHandle<HandlerResult>;

/// The next message: who it is from, and what it says.
async fn next(seen: &mut Observer) -> (String, Value) {
    let message = tokio::time::timeout(SETTLE, seen.recv()).await.unwrap().unwrap();
    let body = serde_json::from_slice(message.payload().bytes()).unwrap();
    (message.authority().map(ToString::to_string).unwrap_or_default(), body)
}

/// Has the probe publish `n` for `who`, when there is room in the queue.
async fn say(runtime: &Runtime, who: &str, n: u32) {
    while runtime.dispatched().queued >= 60 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let event = json!({ "topic": "probe.v1.out", "payload": n }).to_string();
    runtime.publish("probe.v1.publish", event, Some(who)).await.unwrap();
}

// guest case 1, engines case 13
#[tokio::test]
async fn a_capsule_without_a_loop_of_its_own_is_ready_at_once_and_its_placeholders_are_not_called() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let hook_alone = r#"(component
        (type $r (record (field "action" string) (field "data" (option string))))
        (import "astrid:guest/lifecycle@1.0.0" (instance $l
            (type $r (record (field "action" string) (field "data" (option string))))
            (export "capsule-result" (type (eq $r)))))
        (alias export $l "capsule-result" (type $result))
        (core module $m
            (memory (export "memory") 1)
            (data (i32.const 32) "final")
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "hook") (param i32 i32 i32 i32) (result i32)
                (i32.store (i32.const 0) (i32.const 32))
                (i32.store (i32.const 4) (i32.const 5))
                (i32.const 0)))
        (core instance $i (instantiate $m))
        (func (export "astrid-hook-trigger") (param "action" string) (param "payload" (list u8)) (result $result)
            (canon lift (core func $i "hook") (memory $i "memory") (realloc (func $i "realloc")))))"#;
    let manifest = "[subscribe]\n\"t.v1.x\" = { wit = \"opaque\", handler = \"noop\" }\n";
    let alone = wat::parse_str(hook_alone).unwrap();
    // The probe carries all four exports, three of them with one empty body.
    for (id, component, answer) in [
        ("alone", alone, HandlerResult::Final("".into())),
        ("folded", guest("probe"), HandlerResult::Continue("".into())),
    ] {
        let capsule = runtime.load(place.capsule(id, &component, manifest)).await.unwrap();
        assert_eq!(capsule.wait_ready(Duration::ZERO).await, Readiness::Ready, "{id}");
        assert_eq!(capsule.state(), State::Ready, "{id}");
        assert_eq!(call(&capsule, "alice", "noop", json!({})).await, answer, "{id}");
    }
    runtime.shutdown().await;
}

// guest case 13
#[tokio::test]
async fn each_word_the_host_does_not_know_is_warned_of_once_a_capsule() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let warnings = Warnings::listen();
    for id in ["a", "b"] {
        let c = runtime.load(place.probe(id)).await.unwrap();
        for action in ["CONTINUE", "", "retry", "CONTINUE", "", "retry"] {
            let input = json!({ "action": action, "data": "{}" });
            assert_eq!(call(&c, "alice", "say", input).await, HandlerResult::Continue("".into()));
        }
        let said = warnings.with(&format!("capsule={id} "));
        assert!(said.len() == 3 && said.iter().all(|one| one.contains("unknown action")), "{said:?}");
    }
}

// guest case 18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_principals_events_come_in_order_and_no_principal_waits_for_another() {
    let place = Place::new();
    let runtime = place.runtime().await;
    runtime.load(place.probe("probe")).await.unwrap();
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let mut out = runtime.observe("probe.v1.out").unwrap();
    let wait = json!({ "topic": "probe.v1.in.x", "timeout": 60_000 }).to_string();
    runtime.publish("probe.v1.recv-then-caller", wait, Some("alice")).await.unwrap();
    next(&mut listening).await;
    // Queued behind the handler of hers that waits.
    for n in 0..50 {
        say(&runtime, "alice", n).await;
    }
    for n in 0..100 {
        say(&runtime, "bob", n).await;
        assert_eq!(next(&mut out).await, ("bob".to_owned(), json!(n)));
    }
    runtime.publish("probe.v1.in.x", "{}", Some("alice")).await.unwrap();
    for n in 50..100 {
        say(&runtime, "alice", n).await;
    }
    for n in 0..100 {
        assert_eq!(next(&mut out).await, ("alice".to_owned(), json!(n)));
    }
    runtime.shutdown().await;
}

// guest case 20
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_nobody_runs_as_the_owner_and_one_of_a_disabled_principal_not_at_all() {
    let place = Place::new();
    place.profile("carol", "enabled = false\n");
    let runtime = place.runtime().await;
    runtime.load(place.probe("probe")).await.unwrap();
    let mut out = runtime.observe("probe.v1.out").unwrap();
    let mut receipts = runtime.observe("astrid.v1.delivery.failure.*").unwrap();
    let event = json!({ "topic": "probe.v1.out", "payload": 1 });
    runtime.publish("probe.v1.publish", event.to_string(), None).await.unwrap();
    assert_eq!(next(&mut out).await, ("default".to_owned(), json!(1)));

    let mut traced = event;
    traced["_astrid_delivery_id"] = json!("0123456789abcdef0123456789abcdef");
    runtime.publish("probe.v1.publish", traced.to_string(), Some("carol")).await.unwrap();
    assert_eq!(next(&mut receipts).await.1["reason"], "denied: principal 'carol' is disabled");
    assert!(runtime.settle(SETTLE).await);
    assert!(out.try_recv().unwrap().is_none());
    runtime.shutdown().await;
}

// guest case 20
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_handler_publishes_is_its_events_principals_whatever_it_received_meanwhile() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let mut heard = runtime.observe("probe.v1.heard").unwrap();
    for (sender, got) in [("bob", "Ok(0)"), ("alice", "Ok(1)")] {
        let timeout = if sender == "bob" { 300 } else { 60_000 };
        let input = json!({ "topic": "probe.v1.in.x", "timeout": timeout });
        let waiting = spawn(&c, "alice", "recv-then-caller", input);
        assert_eq!(next(&mut listening).await.0, "alice");
        runtime.publish("probe.v1.in.x", "{}", Some(sender)).await.unwrap();
        assert_eq!(next(&mut heard).await.0, "alice", "after a message of {sender}");
        let HandlerResult::Final(said) = waiting.await.unwrap() else { panic!("no answer") };
        let said: Value = serde_json::from_slice(&said).unwrap();
        assert_eq!(said, json!({ "got": got, "caller": "alice" }));
    }
}

// guest case 21
#[tokio::test]
async fn the_call_of_a_principal_who_is_retired_ends_within_a_second_and_stores_nothing_after() {
    let place = Place::new();
    place.profile("alice", "");
    let runtime = place.runtime_with(|config| config.instance_pool_size = Some(1)).await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    ask(&c, "alice", "marker", json!({ "set": 7 })).await;
    let input = json!({ "ns": 60_000_000_000_u64, "key": "late" });
    let sleeping = spawn(&c, "alice", "sleep-then-set", input);
    next(&mut listening).await;
    place.profile("alice", "enabled = false\n");
    // From here on time passes only where somebody waits for it, so what else the machine does counts for nothing.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    assert!(runtime.principal_changed("alice").await.unwrap().is_err());
    let reason = "principal 'alice' is disabled".to_owned();
    assert_eq!(sleeping.await.unwrap(), HandlerResult::Deny { reason });
    assert!(begun.elapsed() <= Duration::from_secs(1), "{:?}", begun.elapsed());
    tokio::time::resume();
    place.profile("alice", "");
    runtime.principal_changed("alice").await.unwrap().unwrap();
    assert_eq!(ask(&c, "alice", "get", json!({ "key": "late" })).await, json!({ "ok": null }));
    assert_eq!(ask(&c, "alice", "marker", json!({})).await, 0, "the instance was used again");
}

// guest case 22
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_traps_the_pool_is_as_large_as_before_and_remembers_nothing() {
    let place = Place::new();
    let runtime = place.runtime_with(|config| config.instance_pool_size = Some(2)).await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    for _ in 0..5 {
        assert_eq!(ask(&c, "alice", "marker", json!({ "set": 7 })).await, 0);
        assert_eq!(ask(&c, "alice", "marker", json!({ "set": 7 })).await, 7);
        let reason = "interceptor trapped: unreachable".to_owned();
        assert_eq!(call(&c, "alice", "trap", json!({})).await, HandlerResult::Deny { reason });
    }
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let wait = json!({ "topic": "probe.v1.in.x", "timeout": 60_000 });
    let both = [0, 1].map(|_| spawn(&c, "alice", "recv-then-caller", wait.clone()));
    for _ in &both {
        next(&mut listening).await;
    }
    runtime.publish("probe.v1.in.x", "{}", Some("alice")).await.unwrap();
    for one in both {
        assert!(matches!(one.await.unwrap(), HandlerResult::Final(_)));
    }
}

// guest case 34
#[tokio::test]
async fn a_component_that_was_changed_on_disk_after_its_installation_is_not_loaded() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let dir = place.probe("probe");
    let running = runtime.load(&dir).await.unwrap();
    let (original, compiled) = (guest("probe"), runtime.compilations());
    // A section without meaning: still a good component, and another one.
    std::fs::write(dir.join("c.wasm"), [&original[..], &[0, 2, 1, b'x']].concat()).unwrap();
    let refused = |error: astrid_capsule::CapsuleError| {
        assert_eq!(error.code(), Code::Integrity, "{error}");
        let expected = blake3::hash(&original).to_hex().to_string();
        assert!(error.to_string().contains("c.wasm") && error.to_string().contains(&expected), "{error}");
    };
    refused(runtime.reload("probe").await.map(|_| ()).unwrap_err());
    assert_eq!(ask(&running, "alice", "marker", json!({})).await, 0, "what runs goes on");
    runtime.unload("probe").await.unwrap();
    refused(runtime.load(&dir).await.map(|_| ()).unwrap_err());
    assert_eq!(runtime.compilations(), compiled);
    std::fs::write(dir.join("c.wasm"), &original).unwrap();
    runtime.load(&dir).await.unwrap();
}

// guest case 35: what else the host does meanwhile is measured in `crowd`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixty_four_calls_on_a_pool_of_eight_never_more_than_eight_run_and_all_complete() {
    const POOL: usize = 8;
    let place = Place::new();
    let runtime = place.runtime_with(|config| config.instance_pool_size = Some(POOL)).await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    // One principal's budget of computation would not last for all of them at once.
    let calls: Vec<_> = (0..64)
        .map(|n| {
            let c = c.clone();
            let wait = json!({ "topic": "probe.v1.in.x", "timeout": 60_000 });
            tokio::spawn(async move { ask(&c, &format!("p{n}"), "recv-then-caller", wait).await })
        })
        .collect();
    for round in 0..64 / POOL {
        let mut running = Vec::new();
        while running.len() < POOL {
            running.push(next(&mut listening).await.0);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(listening.try_recv().unwrap().is_none(), "more than {POOL} in round {round}");
        for who in running {
            runtime.publish("probe.v1.in.x", "{}", Some(&who)).await.unwrap();
        }
    }
    for (n, one) in calls.into_iter().enumerate() {
        assert_eq!(one.await.unwrap(), json!({ "got": "Ok(1)", "caller": format!("p{n}") }));
    }
}
