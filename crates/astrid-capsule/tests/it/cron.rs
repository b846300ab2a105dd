//! Jobs of capsules: declared, scheduled over the bus, kept, suspended.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{ACTIONS, Place, ask, guest};
use astrid_capsule::{Capsule, HandlerResult, Runtime};
use astrid_event_bus::Observer;
use serde_json::{Value, json};

/// The probe, which may also ask for jobs.
async fn probe(place: &Place, runtime: &Runtime, more: &str) -> Arc<dyn Capsule> {
    let bindings: String = ACTIONS
        .iter()
        .map(|a| format!("\"probe.v1.{a}\" = {{ wit = \"opaque\", handler = \"{a}\" }}\n"))
        .collect();
    let manifest = format!(
        "[publish]\n\"cron.v1.*\" = \"opaque\"\n[subscribe]\n\"cron.v1.response.*\" = \"opaque\"\n{bindings}{more}"
    );
    runtime.load(place.capsule("probe", &guest("probe"), &manifest)).await.unwrap()
}

/// Has the capsule ask, as `who`, and returns what it is answered.
async fn request(
    capsule: &Arc<dyn Capsule>,
    seen: &mut Observer,
    who: &str,
    what: &str,
    body: Value,
) -> Value {
    let input = json!({ "topic": format!("cron.v1.request.{what}"), "payload": body });
    assert!(ask(capsule, who, "publish", input).await.get("ok").is_some());
    let answer = seen.recv().await.unwrap();
    assert_eq!(answer.topic().as_str(), "cron.v1.response.r1");
    assert_eq!(answer.authority().unwrap().as_str(), who);
    serde_json::from_slice(answer.payload().bytes()).unwrap()
}

async fn stored(capsule: &Arc<dyn Capsule>, who: &str) -> Value {
    ask(capsule, who, "get", json!({ "key": "k" })).await.get("ok").cloned().unwrap()
}

// dispatch case 29
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_alice_schedules_over_the_bus_runs_with_her_data_and_survives_a_restart() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let capsule = probe(&place, &runtime, "").await;
    let mut answers = runtime.observe("cron.v1.response.*").unwrap();
    for who in ["alice", "bob"] {
        ask(&capsule, who, "set", json!({ "key": "k", "value": "v" })).await;
    }
    let job =
        json!({ "req_id": "r1", "name": "wipe", "schedule": "@every 1s", "action": "clear", "payload": {} });
    let answer = request(&capsule, &mut answers, "alice", "schedule", job).await;
    assert_eq!(
        (&answer["ok"], &answer["req_id"], answer["next_at"].is_string()),
        (&true.into(), &"r1".into(), true)
    );
    let listed = request(&capsule, &mut answers, "alice", "list", json!({ "req_id": "r1" })).await;
    assert_eq!(listed["jobs"][0]["name"], "wipe");
    let bobs = request(&capsule, &mut answers, "bob", "list", json!({ "req_id": "r1" })).await;
    assert_eq!(bobs["jobs"], json!([]));
    let wiped = async {
        while stored(&capsule, "alice").await != Value::Null {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wiped).await.unwrap();
    assert_eq!(stored(&capsule, "bob").await, "v");
    runtime.shutdown().await;
    drop((capsule, runtime, answers));

    let runtime = place.runtime().await;
    let capsule = probe(&place, &runtime, "").await;
    let mut answers = runtime.observe("cron.v1.response.*").unwrap();
    assert_eq!(runtime.cron().list("probe", "alice").len(), 1);
    let cancel = json!({ "req_id": "r1", "name": "wipe" });
    assert_eq!(request(&capsule, &mut answers, "alice", "cancel", cancel).await["ok"], true);
    runtime.unload("probe").await.unwrap();
    probe(&place, &runtime, "").await;
    assert!(runtime.cron().list("probe", "alice").is_empty());
    runtime.shutdown().await;
}

// dispatch case 29
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_request_is_answered_to_who_asked() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let capsule = probe(&place, &runtime, "[[cron]]\nname = \"mine\"\nschedule = \"@daily\"\n").await;
    let mut answers = runtime.observe("cron.v1.response.*").unwrap();
    for (what, name, schedule, said) in [
        ("schedule", "j", "@every 500ms", "minimum of 1s"),
        ("schedule", "j", "0 0 31 2 *", "never fires"),
        ("schedule", "mine", "@daily", "name is declared in the manifest"),
        ("cancel", "nope", "", "no job \"nope\""),
        ("dance", "j", "", "allowed: schedule, cancel, list"),
    ] {
        let body = json!({ "req_id": "r1", "name": name, "schedule": schedule });
        let answer = request(&capsule, &mut answers, "alice", what, body).await;
        assert_eq!(answer["ok"], false);
        assert!(answer["error"].as_str().unwrap().contains(said), "{answer}");
    }
    // Answers are the host's alone to give.
    let spoof = json!({ "topic": "cron.v1.response.r1", "payload": {} });
    assert!(ask(&capsule, "alice", "publish", spoof).await.get("err").is_some());
    runtime.shutdown().await;
}

// dispatch case 30
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declared_job_runs_while_its_capsule_is_loaded_and_counts_its_failures() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let cron = "[[cron]]\nname = \"boom\"\nschedule = \"@every 1s\"\naction = \"trap\"\n";
    probe(&place, &runtime, cron).await;
    let failing = async {
        while runtime.cron().list("probe", "default").first().unwrap().failures < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), failing).await.unwrap();
    runtime.unload("probe").await.unwrap();
    assert!(runtime.cron().list("probe", "default").is_empty());
    let capsule = probe(&place, &runtime, "").await;
    assert!(runtime.cron().list("probe", "default").is_empty());
    let unbound = capsule.run_job("unbound", "{}".into(), None).await.unwrap();
    assert_eq!(unbound, HandlerResult::Deny { reason: "unknown hook action: unbound".to_owned() });
    runtime.shutdown().await;
}
