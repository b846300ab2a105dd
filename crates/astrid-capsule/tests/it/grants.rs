//! Grants of capsules to principals: for the session, for good, taken back.
#![expect(clippy::indexing_slicing, reason = "a test that cannot set up must fail")]

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::support::{Place, guest};
use astrid_capsule::Runtime;
use astrid_event_bus::Observer;
use serde_json::{Value, json};

const SETTLE: Duration = Duration::from_secs(30);

async fn tools(place: &Place) -> Runtime {
    let runtime = place.runtime().await;
    let manifest = "[publish]\n\"t.v1.done\" = \"opaque\"\n[subscribe]\n\"tool.v1.execute.grep\" = { wit = \"opaque\", handler = \"publish\" }\n";
    runtime.load(place.capsule("tools", &guest("probe"), manifest)).await.unwrap();
    runtime
}

/// Whether the tool ran for alice.
async fn runs(runtime: &Runtime) -> bool {
    let mut done = runtime.observe("t.v1.done").unwrap();
    let call = json!({ "topic": "t.v1.done", "payload": 1 }).to_string();
    runtime.publish("tool.v1.execute.grep", call, Some("alice")).await.unwrap();
    assert!(runtime.settle(SETTLE).await);
    done.try_recv().unwrap().is_some()
}

async fn answer(runtime: &Runtime, prompts: &mut Observer, decision: &str) -> Value {
    let next = async |prompts: &mut Observer| {
        let message = tokio::time::timeout(SETTLE, prompts.recv()).await.unwrap().unwrap();
        serde_json::from_slice::<Value>(message.payload().bytes()).unwrap()
    };
    let prompt = next(prompts).await;
    assert_eq!(prompt["type"], "grant_required");
    let id = prompt["request_id"].as_str().unwrap();
    let reply = json!({ "type": "approval_response", "request_id": id, "decision": decision });
    let draft = astrid_event_bus::Draft::new(
        astrid_event_bus::Topic::host(&format!("astrid.v1.approval.response.{id}")).unwrap(),
        astrid_event_bus::Payload::parse(reply.to_string()).unwrap(),
        astrid_host_context::Provenance::of(astrid_host_context::Attribution::Verified(
            "alice".parse().unwrap(),
        )),
    );
    runtime.bus().announce(draft);
    next(prompts).await["granted"].clone()
}

fn profile(place: &Place) -> String {
    std::fs::read_to_string(place.home().join("etc/profiles/alice.toml")).unwrap()
}

// dispatch case 22, principals §5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_for_good_is_in_the_profile_survives_a_restart_and_ends_when_it_is_taken_out() {
    let place = Place::new();
    let before = "# alice, from the office\ncapsules = [\n  \"other\", # hers\n]\n\n[quotas]\nmax_in_flight_calls = 2 # enough\n";
    place.profile("alice", before);
    let file = place.home().join("etc/profiles/alice.toml");
    let runtime = tools(&place).await;
    let mut prompts = runtime.observe("astrid.v1.approval").unwrap();
    assert!(!runs(&runtime).await);
    assert_eq!(answer(&runtime, &mut prompts, "approve_always").await, true);
    assert_eq!(profile(&place), before.replace("\"other\",", "\"other\", \"tools\","));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(runs(&runtime).await);
    runtime.shutdown().await;
    drop(runtime);

    let runtime = tools(&place).await;
    assert!(runs(&runtime).await, "a new host reads it");
    // By hand, as an operator would; nobody is told.
    place.profile("alice", before);
    let noticed = async {
        while runs(&runtime).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SETTLE, noticed).await.unwrap();
    runtime.shutdown().await;
}

// dispatch case 22
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_for_the_session_is_not_written_and_both_kinds_can_be_taken_back() {
    let place = Place::new();
    place.profile("alice", "# nothing\n");
    let runtime = tools(&place).await;
    let mut prompts = runtime.observe("astrid.v1.approval").unwrap();
    assert!(!runs(&runtime).await);
    assert_eq!(answer(&runtime, &mut prompts, "approve_session").await, true);
    assert_eq!(profile(&place), "# nothing\n");
    assert!(runs(&runtime).await);
    runtime.revoke_capsule("alice", "tools").await.unwrap();
    assert!(!runs(&runtime).await);

    runtime.grant_capsule("alice", "tools").await.unwrap();
    assert_eq!(profile(&place), "capsules = [\"tools\"]\n# nothing\n");
    assert!(runs(&runtime).await);
    runtime.revoke_capsule("alice", "tools").await.unwrap();
    assert!(!runs(&runtime).await);
    assert_eq!(profile(&place), "capsules = []\n# nothing\n");
    let nobody = runtime.grant_capsule("bob", "tools").await.unwrap_err().to_string();
    assert!(nobody.contains("'bob' has no profile"), "{nobody}");
    runtime.shutdown().await;
}

// dispatch §7: granted says what is so
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_cannot_be_written_is_not_granted() {
    let place = Place::new();
    place.profile("alice", "");
    let runtime = tools(&place).await;
    let mut prompts = runtime.observe("astrid.v1.approval").unwrap();
    assert!(!runs(&runtime).await);
    // Valid when it was read, and not any more when the grant comes.
    place.profile("alice", "capsules = [\"tools\"\n");
    assert_eq!(answer(&runtime, &mut prompts, "approve_always").await, false);
    assert_eq!(profile(&place), "capsules = [\"tools\"\n", "not touched");
    runtime.shutdown().await;
}
