//! Whose data a call reaches, through a real guest.

use std::sync::Arc;

use crate::support::{Place, ask, call, guest};
use astrid_capsule::Capsule;
use serde_json::json;

// principals case 1, kv case 31
#[tokio::test]
async fn each_principal_has_its_own_keys_and_no_call_falls_back_to_another() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    ask(&c, "alice", "set", json!({ "key": "k", "value": "A" })).await;
    assert_eq!(ask(&c, "bob", "get", json!({ "key": "k" })).await, json!({ "ok": null }));
    assert_eq!(ask(&c, "default", "get", json!({ "key": "k" })).await, json!({ "ok": null }));
    assert_eq!(ask(&c, "alice", "get", json!({ "key": "k" })).await, json!({ "ok": "A" }));
}

// principals case 2
#[tokio::test]
async fn a_home_is_the_callers_own_and_who_has_none_never_gets_the_owners() {
    let place = Place::new();
    place.profile("alice", "");
    place.profile("bob", "");
    let runtime = place.runtime().await;
    let manifest = "[capabilities]\nfs_read = [\"home://\"]\nfs_write = [\"home://\"]\n[subscribe]\n\"probe.v1.read\" = { wit = \"opaque\", handler = \"read\" }\n";
    let c = runtime.load(place.capsule("probe", &guest("probe"), manifest)).await.unwrap();
    for who in ["alice", "bob", "default"] {
        let home = place.home().join("home").join(who);
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("note"), who).unwrap();
    }
    let note = async |who: &str| ask(&c, who, "read", json!({ "path": "home://note" })).await;
    for who in ["alice", "bob", "default"] {
        assert_eq!(note(who).await, json!({ "ok": who }));
    }
    let ghost = note("ghost").await;
    assert!(ghost["err"].is_string(), "{ghost}");
    assert!(!place.home().join("home/ghost").exists());
}

// principals case 24: the file's part is sys's
#[tokio::test]
async fn what_a_guest_logs_is_one_escaped_line_in_its_principals_file_of_today() {
    let place = Place::new();
    place.profile("alice", "");
    let runtime = place.runtime().await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    call(&c, "alice", "log", json!({ "text": "one\ntwo \u{1b}[31mred\u{1b}[0m" })).await;
    runtime.shutdown().await;
    let folder = place.home().join("home/alice/.local/log/probe");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    let [today] = &*files else { panic!("{files:?}") };
    let text = std::fs::read_to_string(today).unwrap();
    let [line] = &*text.lines().collect::<Vec<_>>() else { panic!("{text:?}") };
    assert!(line.contains("one") && line.contains("two") && line.contains("red"), "{line:?}");
    assert!(!line.contains('\u{1b}') && line.contains("INFO"), "{line:?}");
    assert!(!place.home().join("home/default/.local/log/probe").join(today.file_name().unwrap()).exists());
}

// principals case 25
#[tokio::test]
async fn a_key_that_spells_another_principals_namespace_is_a_key_like_any_other() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    ask(&c, "bob", "set", json!({ "key": "k", "value": "B" })).await;
    for key in ["../../bob:capsule:probe:k", "bob:capsule:probe", "../bob/k", "bob:k"] {
        ask(&c, "alice", "set", json!({ "key": key, "value": "A" })).await;
        assert_eq!(ask(&c, "alice", "get", json!({ "key": key })).await, json!({ "ok": "A" }), "{key}");
        assert_eq!(ask(&c, "bob", "get", json!({ "key": key })).await, json!({ "ok": null }), "{key}");
    }
    // No key at all, so that nothing can be cut off behind it.
    let nul = ask(&c, "alice", "set", json!({ "key": "../../bob:capsule:probe\0k", "value": "A" })).await;
    assert!(nul["err"].is_string(), "{nul}");
    assert_eq!(ask(&c, "bob", "get", json!({ "key": "k" })).await, json!({ "ok": "B" }));
    let his = ask(&c, "bob", "list", json!({ "prefix": "" })).await;
    assert_eq!(his, json!({ "ok": ["k"] }));
}

// kv case 33
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interleaved_calls_of_many_principals_never_cross_and_a_trap_changes_nothing() {
    let place = Place::new();
    let runtime = place.runtime_with(|config| config.instance_pool_size = Some(4)).await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (c, who) = (c.clone(), format!("p{n}"));
            tokio::spawn(async move {
                for round in 0..15 {
                    ask(&c, &who, "set", json!({ "key": "me", "value": who })).await;
                    if round % 5 == n % 5 {
                        call(&c, &who, "set-then-trap", json!({ "key": "scratch" })).await;
                    }
                    let mine = ask(&c, &who, "get", json!({ "key": "me" })).await;
                    assert_eq!(mine, json!({ "ok": who }));
                    let caller = ask(&c, &who, "caller", json!({})).await;
                    assert_eq!(caller.pointer("/ok/0").unwrap(), &json!(who));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

// kv case 35, principals case 3, sys case 12
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receive_inside_a_handler_is_for_its_own_principal_and_never_changes_it() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let c: Arc<dyn Capsule> = runtime.load(place.probe("probe")).await.unwrap();
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let waiting = {
        let c = c.clone();
        tokio::spawn(async move {
            let input = json!({ "topic": "probe.v1.in.x", "timeout": 300 });
            ask(&c, "alice", "recv-then-caller", input).await
        })
    };
    listening.recv().await.unwrap();
    runtime.publish("probe.v1.in.x", "{}", Some("bob")).await.unwrap();
    let said = waiting.await.unwrap();
    assert_eq!(said.get("caller").unwrap(), "alice");
    assert_eq!(said.get("got").unwrap(), "Ok(0)", "bob's message is not for alice's handler");
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let place = Place::new();
    let dir = place.probe("probe");
    let runtime = place.runtime().await;
    let c = runtime.load(&dir).await.unwrap();
    ask(&c, "alice", "set", json!({ "key": "k", "value": "kept" })).await;
    runtime.shutdown().await;
    drop((runtime, c));
    let runtime = place.runtime().await;
    let c = runtime.load(&dir).await.unwrap();
    assert_eq!(ask(&c, "alice", "get", json!({ "key": "k" })).await, json!({ "ok": "kept" }));
}

// sys case 34
#[tokio::test]
async fn a_guest_sees_the_capabilities_its_manifest_holds() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    assert_eq!(ask(&c, "alice", "capabilities", json!({})).await, json!(["fs_read"]));
}
