//! What real guests reach of a workspace, and what becomes of their changes to it.

use std::path::Path;
use std::sync::Arc;

use crate::support::{Place, ask, caller, guest};
use astrid_capsule::{Capsule, HandlerResult, Runtime};
use astrid_host_context::Principal;
use serde_json::{Value, json};

const MANIFEST: &str = "[capabilities]\nfs_read = [\"*\"]\nfs_write = [\"*\"]\n\n[subscribe]\n\
    \"scribe.v1.write\" = { wit = \"opaque\", handler = \"write\" }\n\
    \"scribe.v1.read\" = { wit = \"opaque\", handler = \"read\" }\n\
    \"scribe.v1.list\" = { wit = \"opaque\", handler = \"list\" }\n\
    \"scribe.v1.unlink\" = { wit = \"opaque\", handler = \"unlink\" }\n";

/// A runtime over the workspace `ws`, with alice and bob registered.
async fn start(place: &Place) -> (Runtime, Arc<dyn Capsule>) {
    let ws = place.path("ws");
    if !ws.exists() {
        std::fs::create_dir(&ws).unwrap();
        std::fs::write(ws.join("old"), "old").unwrap();
        place.profile("alice", "");
        place.profile("bob", "");
    }
    let runtime = place.builder(|_| {}).workspace(&ws).overlay(true).build().await.unwrap();
    let scribe = runtime.load(place.capsule("scribe", &guest("scribe"), MANIFEST)).await.unwrap();
    (runtime, scribe)
}

fn who(name: &str) -> Principal {
    Principal::parse(name).unwrap()
}

async fn write(scribe: &Arc<dyn Capsule>, by: &str, path: &str, content: &str) {
    let input = json!({ "path": path, "content": content });
    assert_eq!(ask(scribe, by, "write", input).await, json!({ "ok": null }));
}

async fn list(scribe: &Arc<dyn Capsule>, by: &str) -> Value {
    ask(scribe, by, "list", json!({ "path": "" })).await
}

async fn changes(runtime: &Runtime) -> Vec<String> {
    let all = runtime.overlay_changes().await.unwrap();
    let said = |(by, changes): (Principal, Vec<astrid_capsule::Change>)| {
        changes.into_iter().map(move |change| format!("{by} {} {}", change.kind, change.path))
    };
    all.into_iter().flat_map(said).collect()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

// fs case 51
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_guests_change_is_each_principals_own_until_it_is_committed_or_rolled_back() {
    let place = Place::new();
    let (runtime, scribe) = start(&place).await;
    write(&scribe, "alice", "new", "alice").await;
    write(&scribe, "bob", "new", "bob").await;
    let gone = ask(&scribe, "bob", "unlink", json!({ "path": "old" })).await;
    assert_eq!(gone, json!({ "ok": null }));
    assert_eq!(list(&scribe, "alice").await, json!({ "ok": ["new", "old"] }));
    assert_eq!(list(&scribe, "bob").await, json!({ "ok": ["new"] }));
    assert_eq!(names(&place.path("ws")), ["old"]);
    assert_eq!(changes(&runtime).await, ["alice added new", "bob added new", "bob removed old"]);
    runtime.overlay_commit(&who("alice")).await.unwrap();
    assert_eq!(std::fs::read_to_string(place.path("ws/new")).unwrap(), "alice");
    assert_eq!(ask(&scribe, "bob", "read", json!({ "path": "new" })).await, json!({ "ok": "bob" }));
    runtime.overlay_rollback(&who("bob")).await.unwrap();
    assert_eq!(ask(&scribe, "bob", "read", json!({ "path": "new" })).await, json!({ "ok": "alice" }));
    assert_eq!(list(&scribe, "bob").await, json!({ "ok": ["new", "old"] }));
    assert!(changes(&runtime).await.is_empty());
}

// fs case 51
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_an_earlier_run_are_seen_by_their_principal_and_by_whoever_decides() {
    let place = Place::new();
    let (runtime, scribe) = start(&place).await;
    write(&scribe, "alice", "new", "first run").await;
    runtime.shutdown().await;
    drop((runtime, scribe));
    let (runtime, scribe) = start(&place).await;
    assert_eq!(changes(&runtime).await, ["alice added new"]);
    assert_eq!(ask(&scribe, "alice", "read", json!({ "path": "new" })).await, json!({ "ok": "first run" }));
    runtime.overlay_commit(&who("alice")).await.unwrap();
    assert_eq!(names(&place.path("ws")), ["new", "old"]);
}

// what happens to a principal's data when it goes: nobody loses work, nobody else sees it
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_a_removed_principal_are_kept_for_the_operator_and_leave_nothing_once_decided() {
    let place = Place::new();
    let (runtime, scribe) = start(&place).await;
    write(&scribe, "alice", "new", "alice").await;
    write(&scribe, "bob", "new", "bob").await;
    for name in ["alice", "bob"] {
        std::fs::remove_file(place.home().join(format!("etc/profiles/{name}.toml"))).unwrap();
        runtime.remove_principal(name).await.unwrap();
    }
    let input = json!({ "path": "new" }).to_string().into();
    let refused = scribe.invoke_interceptor("read", input, caller("alice").as_ref()).await;
    assert!(!matches!(refused, Ok(HandlerResult::Final(_))), "{refused:?}");
    assert_eq!(names(&place.path("ws")), ["old"]);
    assert_eq!(changes(&runtime).await, ["alice added new", "bob added new"]);
    runtime.overlay_rollback(&who("alice")).await.unwrap();
    runtime.overlay_commit(&who("bob")).await.unwrap();
    assert_eq!(std::fs::read_to_string(place.path("ws/new")).unwrap(), "bob");
    assert!(names(&place.home().join("state/overlay")).is_empty(), "a directory was left");
    assert!(changes(&runtime).await.is_empty());
    // Somebody who gets the name later begins with the workspace as it is.
    place.profile("alice", "");
    runtime.readmit_principal("alice").unwrap();
    runtime.principal_changed("alice").await.unwrap().unwrap();
    assert_eq!(ask(&scribe, "alice", "read", json!({ "path": "new" })).await, json!({ "ok": "bob" }));
}

// fs §4, the optional file
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ignore_file_is_heeded_where_the_operator_turned_it_on() {
    for heeded in [true, false] {
        let place = Place::new();
        let ws = place.path("ws");
        std::fs::create_dir(&ws).unwrap();
        std::fs::write(ws.join("key.pem"), "secret").unwrap();
        std::fs::write(ws.join(".astridignore"), "*.pem\n").unwrap();
        let builder = place.builder(|config| config.workspace_ignore_file = heeded).workspace(&ws);
        let runtime = builder.build().await.unwrap();
        let scribe = runtime.load(place.capsule("scribe", &guest("scribe"), MANIFEST)).await.unwrap();
        let read = ask(&scribe, "default", "read", json!({ "path": "key.pem" })).await;
        assert_eq!(read.get("ok").is_some(), !heeded, "{read}");
        let said = read.to_string();
        assert_eq!(said.contains("CapabilityDenied"), heeded, "{said}");
    }
}
