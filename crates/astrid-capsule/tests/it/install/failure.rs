//! Installations that fail: what was there before is there and serves.

use astrid_capsule::{Code, InstallOptions};
use serde_json::json;

use super::{Scene, alice, build};
use crate::support::ask;

// lifecycle case 10, guest case 29
#[tokio::test]
async fn an_install_hook_that_traps_leaves_nothing_and_the_next_attempt_runs_it_again() {
    let mut s = Scene::new().await;
    let options =
        || InstallOptions::new(s.source("1.0.0", "trap")).principal(alice()).value("token", "hidden");
    let error = s.runtime.install(options().value("plain", "hers")).await.unwrap_err();
    assert!(error.to_string().contains("trapped"), "{error}");
    assert!(s.files().is_empty(), "{:?}", s.files());
    assert!(s.runtime.capsules().is_empty());
    let said = s.said();
    assert_eq!(
        (&said[0]["secret"], &said[0]["config"]),
        (&json!("hidden"), &json!("hers")),
        "it had its values"
    );

    s.install(&s.source("1.0.0", "")).await.unwrap();
    let said = s.said();
    assert_eq!((&said[0]["hook"], &said[0]["kept"]), (&json!("install"), &json!([null, "install"])));
    assert_eq!((&said[0]["secret"], &said[0]["config"]), (&json!(null), &json!("text")));
}

// lifecycle case 10, guest case 29
#[tokio::test]
async fn an_upgrade_hook_that_traps_leaves_the_old_version_serving_with_its_old_data() {
    let s = Scene::new().await;
    let first = InstallOptions::new(s.source("1.0.0", "")).principal(alice());
    s.runtime.install(first.value("plain", "before").value("token", "old")).await.unwrap();
    ask(&s.loaded(), "alice", "set", json!({ "key": "old", "value": "mine" })).await;
    let before = s.files();
    let upgrade = InstallOptions::new(s.source("1.1.0", "trap")).principal(alice());
    let error = s.runtime.install(upgrade.value("plain", "after").value("token", "new")).await.unwrap_err();
    assert!(error.to_string().contains("trapped"), "{error}");
    assert_eq!((s.files(), s.version().as_deref()), (before, Some("1.0.0")));
    assert_eq!((s.get("kept").await, s.get("old").await), (json!("install"), json!("mine")));
    assert_eq!(s.get("upgrade.count").await, json!(null));
    for (key, value) in [("plain", "before"), ("token", "old")] {
        assert_eq!(ask(&s.loaded(), "alice", "config", json!({ "key": key })).await, value);
    }
    assert_eq!(s.loaded().manifest().package.version.to_string(), "1.0.0");
}

#[tokio::test]
async fn whoever_stops_waiting_for_an_upgrade_has_the_old_version_back() {
    let mut s = Scene::new().await;
    s.install(&s.source("1.0.0", "")).await.unwrap();
    let before = s.files();
    s.said();
    {
        let source = s.source("1.1.0", "wait");
        let waiting = s.runtime.install(InstallOptions::new(source).principal(alice()));
        tokio::pin!(waiting);
        tokio::select! {
            ended = &mut waiting => panic!("{ended:?}"),
            message = s.said.recv() => drop(message.unwrap()),
        }
    }
    // The next one waits in turn for the lock; until then somebody has it.
    let upgraded = loop {
        match s.install(&s.source("1.1.0", "")).await {
            Err(error) if error.to_string().contains("is being installed") => tokio::task::yield_now().await,
            other => break other.unwrap(),
        }
    };
    assert!(upgraded.hook_ran);
    let versions: Vec<_> = s.audit.audited().into_iter().filter(|one| one.op.function == "install").collect();
    assert!(versions.iter().any(|one| one.outcome == astrid_host_context::Outcome::Cancelled("cancelled")));
    assert_eq!((s.files().len(), s.get("kept").await), (before.len(), json!("upgrade")));
}

#[tokio::test]
async fn a_component_that_does_not_link_is_refused_before_anything_is_touched() {
    let s = Scene::new().await;
    s.install(&s.source("1.0.0", "")).await.unwrap();
    let (before, running) = (s.files(), s.loaded().source_uuid());
    let foreign = wat::parse_str("(component (import \"wasi:cli/run@0.2.0\" (instance)))").unwrap();
    for (bytes, code) in [
        (foreign, Code::UnlinkedImport),
        (wat::parse_str("(module)").unwrap(), Code::UnsupportedEntryPoint),
        (b"text".to_vec(), Code::UnsupportedEntryPoint),
    ] {
        let dir = s.source("1.1.0", "");
        std::fs::write(dir.join("c.wasm"), bytes).unwrap();
        let error = s.install(&dir).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    let dir = s.source("1.1.0", "");
    std::fs::write(dir.join("meta.json"), format!("{{\"wasm_hash\":\"{}\"}}", "a".repeat(64))).unwrap();
    assert_eq!(s.install(&dir).await.unwrap_err().code(), Code::Integrity);
    assert_eq!((s.files(), s.loaded().source_uuid()), (before, running));
}

// guest case 34
#[tokio::test]
async fn a_stored_component_that_was_changed_is_not_loaded() {
    let s = Scene::new().await;
    let options = InstallOptions::new(s.source("1.0.0", "")).principal(alice()).load(false);
    s.runtime.install(options).await.unwrap();
    let stored = format!("bin/{}.wasm", blake3::hash(&build("hooker", "1.0.0")).to_hex());
    std::fs::write(s.place.home().join(stored), build("hooker", "1.0.1")).unwrap();
    let error = s.runtime.load_for(s.target(), &alice()).await.err().unwrap();
    assert_eq!(error.code(), Code::Integrity, "{error}");
}

#[tokio::test]
async fn two_installations_of_one_capsule_at_once_are_one_and_a_refusal() {
    let mut s = Scene::new().await;
    let (runtime, source) = (s.runtime.clone(), s.source("1.0.0", "wait"));
    let first =
        tokio::spawn(async move { runtime.install(InstallOptions::new(source).principal(alice())).await });
    s.said.recv().await.unwrap();
    let error = s.install(&s.place.path("source-1.0.0")).await.unwrap_err();
    assert_eq!(error.code(), Code::Install);
    assert!(error.to_string().contains("is being installed or removed"), "{error}");
    let error = s.runtime.uninstall("hooker", &alice(), false).await.unwrap_err();
    assert!(error.to_string().contains("is being installed or removed"), "{error}");
    assert!(s.runtime.cancel_hook("hooker", &alice()).unwrap());
    first.await.unwrap().unwrap_err();
}
