//! Capsules whose guests keep handles from call to call, and having all capsules to oneself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{Place, ask, call, guest, probe_manifest_with};
use astrid_capsule::{Capsule, Code, HandlerResult, Runtime};
use futures_util::future::join_all;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

/// Capsule `shell`, which may start processes, or may not.
async fn shell(place: &Place, processes: bool) -> (Runtime, Arc<dyn Capsule>) {
    let runtime = place.runtime().await;
    let manifest = if processes { "capabilities = { host_process = [\"sh\"] }\n" } else { "" };
    let manifest = probe_manifest_with(manifest);
    let capsule = runtime.load(place.capsule("shell", &guest("probe"), &manifest)).await.unwrap();
    (runtime, capsule)
}

// engines §4, sticky mode; the part of engines case 22 that needs no process
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_a_principal_share_one_instance_of_a_capsule_with_processes() {
    let place = Place::new();
    let (_runtime, shell) = shell(&place, true).await;
    let calls = (1..=12).map(|n| ask(&shell, "alice", "marker", json!({ "set": n })));
    let mut before: Vec<_> = join_all(calls).await.iter().map(|said| said.as_u64().unwrap()).collect();
    before.push(ask(&shell, "alice", "marker", json!({})).await.as_u64().unwrap());
    before.sort_unstable();
    assert_eq!(before, (0..=12).collect::<Vec<_>>(), "each call found what the one before it left");
    assert_eq!(ask(&shell, "bob", "marker", json!({ "set": 1 })).await, json!(0));
}

// engines §4, sticky mode; guest case 23 and engines case 22 with a subscription for the handle
#[tokio::test]
async fn a_handle_kept_in_guest_memory_is_good_at_the_next_call_of_its_principal_alone() {
    let place = Place::new();
    let (runtime, shell) = shell(&place, true).await;
    let kept = ask(&shell, "alice", "subscribe-kept", json!({ "topic": "probe.v1.in.x" })).await;
    assert_eq!(kept, json!({ "ok": Value::Null }));
    runtime.publish("probe.v1.in.x", "{}", Some("alice")).await.unwrap();
    runtime.publish("probe.v1.in.x", "{}", Some("bob")).await.unwrap();
    assert_eq!(ask(&shell, "alice", "poll-kept", json!({})).await, json!({ "ok": 1 }));
    assert_eq!(ask(&shell, "bob", "poll-kept", json!({})).await, json!("nothing kept"));
    // What traps is not used again, and its handles are gone with it.
    let trapped = call(&shell, "alice", "trap", json!({})).await;
    assert_eq!(trapped, HandlerResult::Deny { reason: "interceptor trapped: unreachable".to_owned() });
    assert_eq!(ask(&shell, "alice", "poll-kept", json!({})).await, json!("nothing kept"));
}

// engines case 21
#[tokio::test]
async fn a_handle_of_a_capsule_without_processes_ends_with_its_call() {
    let place = Place::new();
    let (_runtime, shell) = shell(&place, false).await;
    ask(&shell, "alice", "subscribe-kept", json!({ "topic": "probe.v1.in.x" })).await;
    let gone = call(&shell, "alice", "poll-kept", json!({})).await;
    assert_eq!(gone, HandlerResult::Deny { reason: "interceptor failed".to_owned() });
}

// engines §4, exclusive mode
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exclusive_work_begins_when_handlers_have_ended_and_calls_wait_for_its_end() {
    let place = Place::new();
    let (runtime, shell) = shell(&place, false).await;
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let running = tokio::spawn({
        let shell = shell.clone();
        async move {
            let topic = json!({ "topic": "probe.v1.in.x", "timeout": 60_000 });
            ask(&shell, "alice", "recv-then-caller", topic).await
        }
    });
    listening.recv().await.unwrap();
    let begun = AtomicBool::new(false);
    let alone = runtime.exclusively(30 * SECOND, async {
        begun.store(true, Ordering::SeqCst);
        let (shell, runtime, dir) = (shell.clone(), runtime.clone(), place.probe("late"));
        let mut call = tokio::spawn(async move { ask(&shell, "bob", "marker", json!({})).await });
        let mut load = tokio::spawn(async move { runtime.load(dir).await.map(|late| late.id().to_owned()) });
        let waits = tokio::time::timeout(Duration::from_millis(200), &mut call).await;
        assert!(waits.is_err(), "a call ran beside exclusive work");
        let waits = tokio::time::timeout(Duration::from_millis(200), &mut load).await;
        assert!(waits.is_err(), "a capsule was started beside exclusive work");
        (call, load)
    });
    let handler = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!begun.load(Ordering::SeqCst), "exclusive work began beside a handler");
        runtime.publish("probe.v1.in.x", "{}", Some("alice")).await.unwrap();
        running.await.unwrap()
    };
    let (alone, handled) = tokio::join!(alone, handler);
    assert_eq!(handled["got"], "Ok(1)");
    let (call, load) = alone.unwrap();
    assert_eq!(call.await.unwrap(), json!(0));
    assert_eq!(load.await.unwrap().unwrap(), "late");
}

// engines §4, exclusive mode
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exclusive_work_is_not_begun_while_a_handler_goes_on_and_nothing_stays_taken() {
    let place = Place::new();
    let (runtime, shell) = shell(&place, false).await;
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let running = tokio::spawn({
        let shell = shell.clone();
        async move {
            let topic = json!({ "topic": "probe.v1.in.x", "timeout": 60_000 });
            call(&shell, "alice", "recv-then-caller", topic).await
        }
    });
    listening.recv().await.unwrap();
    let refused = runtime.exclusively(Duration::from_millis(100), async {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Timeout);
    assert!(refused.to_string().starts_with("capsule 'shell': a handler still runs"), "{refused}");
    assert_eq!(ask(&shell, "bob", "marker", json!({})).await, json!(0));
    let two = tokio::join!(
        runtime.exclusively(Duration::from_millis(100), async {}),
        runtime.exclusively(Duration::from_millis(100), async {})
    );
    assert!(two.0.is_err() && two.1.is_err());
    runtime.unload("shell").await.unwrap();
    running.await.unwrap();
    runtime.exclusively(30 * SECOND, async {}).await.unwrap();
}
