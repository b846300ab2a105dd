//! Events on their way through real guests.

use std::collections::HashSet;
use std::time::Duration;

use crate::support::{Place, ask, guest};
use astrid_capsule::{LifecycleEvent, Runtime};
use serde_json::{Value, json};

const SETTLE: Duration = Duration::from_secs(30);

fn body(message: &astrid_event_bus::Message) -> Value {
    serde_json::from_slice(message.payload().bytes()).unwrap()
}

/// The probe with one handler on `t.v1.x`.
async fn handler(place: &Place, runtime: &Runtime, id: &str, action: &str, priority: u32) {
    let manifest = format!(
        "[publish]\n\"t.v1.done.*\" = \"opaque\"\n\n[subscribe]\n\"t.v1.x\" = {{ wit = \"opaque\", handler = \"{action}\", priority = {priority} }}\n"
    );
    runtime.load(place.capsule(id, &guest("probe"), &manifest)).await.unwrap();
}

// dispatch cases 6 and 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusing_and_a_trapping_handler_do_not_stop_an_independent_third() {
    let place = Place::new();
    let runtime = place.runtime().await;
    for (id, action) in [("a", "say"), ("b", "trap"), ("c", "publish")] {
        handler(&place, &runtime, id, action, 100).await;
    }
    let mut done = runtime.observe("t.v1.done.x").unwrap();
    let event = json!({ "action": "deny", "topic": "t.v1.done.x", "payload": { "principal": "admin" } });
    runtime.publish("t.v1.x", event.to_string(), Some("alice")).await.unwrap();
    assert!(runtime.settle(SETTLE).await);
    let message = done.try_recv().unwrap().unwrap();
    // dispatch case 17: what a guest says about itself stays plain data.
    assert_eq!(body(&message), json!({ "principal": "admin" }));
    assert_eq!(message.authority().unwrap().as_str(), "alice");
    assert_eq!(runtime.dispatched().denied, 2);
}

// dispatch case 8, guest case 14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_that_traps_stops_its_chain_and_the_publisher_hears_why() {
    let place = Place::new();
    let runtime = place.runtime().await;
    handler(&place, &runtime, "guard", "trap", 10).await;
    handler(&place, &runtime, "guarded", "publish", 100).await;
    let mut done = runtime.observe("t.v1.done.x").unwrap();
    let mut receipts = runtime.observe("astrid.v1.delivery.failure.*").unwrap();
    let id = "0123456789abcdef0123456789abcdef";
    let event = json!({ "topic": "t.v1.done.x", "payload": 1, "_astrid_delivery_id": id });
    runtime.publish("t.v1.x", event.to_string(), Some("alice")).await.unwrap();
    let receipt = receipts.recv().await.unwrap();
    assert_eq!(
        body(&receipt),
        json!({ "delivery_id": id, "request_topic": "t.v1.x", "reason": "denied: interceptor trapped: unreachable" })
    );
    assert!(runtime.settle(SETTLE).await);
    assert!(done.try_recv().unwrap().is_none());
}

// guest case 14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_that_comes_to_no_end_or_takes_all_memory_stops_its_chain_too() {
    for (action, fuel, reason) in [
        ("spin", 10_000_000, "interceptor ran out of fuel"),
        ("spin", u64::MAX / 2, "interceptor exceeded its deadline of 1s"),
        ("hog", u64::MAX / 2, "interceptor trapped: unreachable"),
    ] {
        let place = Place::new();
        let runtime = place
            .runtime_with(|config| {
                config.invocation_timeout = Duration::from_secs(if action == "spin" { 1 } else { 60 });
                (config.fuel_per_invocation, config.fuel_per_second) = (fuel, u64::MAX / 2);
            })
            .await;
        handler(&place, &runtime, "guard", action, 10).await;
        handler(&place, &runtime, "guarded", "publish", 100).await;
        let mut done = runtime.observe("t.v1.done.x").unwrap();
        let mut receipts = runtime.observe("astrid.v1.delivery.failure.*").unwrap();
        let event =
            json!({ "topic": "t.v1.done.x", "payload": 1, "_astrid_delivery_id": "0".repeat(31) + "1" });
        runtime.publish("t.v1.x", event.to_string(), Some("alice")).await.unwrap();
        assert_eq!(body(&receipts.recv().await.unwrap())["reason"], format!("denied: {reason}"), "{action}");
        assert!(runtime.settle(SETTLE).await);
        assert!(done.try_recv().unwrap().is_none(), "{reason}: what was guarded was called");
        runtime.shutdown().await;
    }
}

// dispatch case 11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_handlers_that_wait_in_recv_wait_at_the_same_time_on_four_permits() {
    let place = Place::new();
    let runtime = place.runtime_with(|config| config.dispatch_permits = 4).await;
    runtime.load(place.probe("probe")).await.unwrap();
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let event = json!({ "topic": "probe.v1.in.x", "timeout": 30_000 }).to_string();
    let who = ["p1", "p2", "p3", "p4", "p5"];
    for who in who {
        runtime.publish("probe.v1.recv-then-caller", event.clone(), Some(who)).await.unwrap();
    }
    let mut waiting = HashSet::new();
    while waiting.len() < who.len() {
        let message = tokio::time::timeout(SETTLE, listening.recv()).await.unwrap().unwrap();
        waiting.insert(message.authority().unwrap().to_string());
    }
    // All five are in their receives, and each is ended by its own message.
    for who in who {
        runtime.publish("probe.v1.in.x", "0", Some(who)).await.unwrap();
    }
    assert!(runtime.settle(SETTLE).await);
    assert_eq!(runtime.dispatched().denied, 0);
}

// dispatch case 16, guest case 33
#[tokio::test]
async fn topics_of_the_host_and_its_services_cannot_be_spoofed() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let manifest = "[publish]\n\"astrid.*\" = \"opaque\"\n\"cron.*\" = \"opaque\"\n\n[subscribe]\n\"t.v1.x\" = { wit = \"opaque\", handler = \"publish\" }\n";
    let c = runtime.load(place.capsule("any", &guest("probe"), manifest)).await.unwrap();
    for topic in [
        "astrid.v1.lifecycle.kernel_shutdown",
        "astrid.v1.lifecycle.tool_call_started",
        "astrid.v1.capsules_loaded",
        "astrid.v1.delivery.failure.x",
        "astrid.v1.response.failure.x",
        "astrid.v1.event_bus.lagged",
        "astrid.v1.watchdog.tick",
        "astrid.v1.health.failed",
        "astrid.v1.audit.entry",
        "cron.v1.response.7",
    ] {
        let said = ask(&c, "alice", "publish", json!({ "topic": topic, "payload": {} })).await;
        assert!(said["err"].as_str().unwrap().contains("CapabilityDenied"), "{topic}: {said}");
    }
    let said =
        ask(&c, "alice", "publish", json!({ "topic": "astrid.v1.request.mcp.tools.list", "payload": {} }))
            .await;
    // dispatch case 3
    assert_eq!(said, json!({ "ok": null }));
}

// dispatch case 20
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lifecycle_event_is_handled_in_the_owners_scope() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let manifest = "[subscribe]\n\"astrid.v1.lifecycle.session_created\" = { wit = \"opaque\", handler = \"set\" }\n\"t.v1.x\" = { wit = \"opaque\", handler = \"get\" }\n";
    let bridge = runtime.load(place.capsule("bridge", &guest("probe"), manifest)).await.unwrap();
    let event = LifecycleEvent::new("session_created").unwrap().field("key", "seen").field("value", "yes");
    runtime.announce(event).unwrap();
    assert!(runtime.settle(SETTLE).await);
    assert_eq!(ask(&bridge, "default", "get", json!({ "key": "seen" })).await, json!({ "ok": "yes" }));
    assert_eq!(ask(&bridge, "alice", "get", json!({ "key": "seen" })).await, json!({ "ok": null }));
}

// dispatch case 21
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_collects_the_answers_of_real_guests() {
    let place = Place::new();
    let runtime = place.runtime().await;
    for id in ["a", "b"] {
        handler(&place, &runtime, id, "say", 100).await;
    }
    let manifest = "[publish]\n\"t.v1.x\" = \"opaque\"\n\n[subscribe]\n\"t.v1.x\" = { wit = \"opaque\", handler = \"trap\" }\n";
    let asker = runtime.load(place.capsule("asker", &guest("probe"), manifest)).await.unwrap();
    let payload = json!({ "action": "continue", "data": "{\"a\":1}" });
    let alice = "alice".parse().unwrap();
    let answers = runtime.hooks().trigger(asker.source_uuid(), Some(&alice), "t.v1.x", &payload, None).await;
    assert_eq!(answers.unwrap(), [json!({ "a": 1 }), json!({ "a": 1 })]);
}

// dispatch case 27
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unloading_tells_those_whose_events_were_queued() {
    let place = Place::new();
    let runtime = place.runtime().await;
    runtime.load(place.probe("probe")).await.unwrap();
    let mut receipts = runtime.observe("astrid.v1.delivery.failure.*").unwrap();
    for n in 0..11 {
        let event = json!({ "ns": 60_000_000_000u64, "_astrid_delivery_id": format!("{:032x}", n + 1) });
        runtime.publish("probe.v1.sleep", event.to_string(), Some("alice")).await.unwrap();
    }
    while runtime.dispatched().queued > 10 {
        tokio::task::yield_now().await;
    }
    runtime.unload("probe").await.unwrap();
    assert!(runtime.settle(SETTLE).await);
    let (mut unloaded, mut others) = (0, Vec::new());
    while unloaded < 10 {
        let receipt = tokio::time::timeout(SETTLE, receipts.recv()).await.unwrap().unwrap();
        match body(&receipt)["reason"].as_str().unwrap() {
            "capsule unloaded" => unloaded += 1,
            other => others.push(other.to_owned()),
        }
    }
    // The first may have been on its way to an instance, and is told so then.
    assert!(others.len() <= 1, "{others:?}");
}
