//! What a start makes of installations that were cut short.

use std::sync::Arc;

use astrid_capsule::HookPhase;
use astrid_capsule_install::{Begun, Contents, Lock, Meta, Order, Package, Phase, Place as Files};
use serde_json::json;

use super::{Scene, alice, bob};

/// An upgrade to 1.1.0 up to where the host has to do its part, and then no host any more.
async fn cut_short(s: Scene, committed: bool) -> Scene {
    let source = s.source("1.1.0", "");
    let recorded = s.place.path("recorded");
    std::fs::create_dir_all(&recorded).unwrap();
    for name in ["Capsule.toml", "c.wasm"] {
        std::fs::copy(source.join(name), recorded.join(name)).unwrap();
    }
    crate::support::record_hash(&recorded, &std::fs::read(source.join("c.wasm")).unwrap());
    let phase = HookPhase::Upgrade { from: "1.0.0".to_owned() };
    let hooked = s.runtime.run_hook(&recorded, &alice(), phase).await.unwrap();
    let redo = hooked.redo().to_vec();
    let package = Package::open(&source, s.runtime.home().root(), "alice").unwrap();
    let files = Files::new(s.runtime.home().root(), "alice", &package.manifest.package.name).unwrap();
    let old = Meta::read(&files.target()).unwrap();
    let contents = Contents::read(&source, &package.manifest, None).unwrap();
    let undo = json!({ "env": { "plain": "before" }, "secrets": { "token": null } });
    let order = Order {
        phase: Phase::Upgrade,
        from: Some("1.0.0".to_owned()),
        to: "1.1.0".to_owned(),
        undo: undo.to_string().into_bytes(),
    };
    let begun = Begun::new(Lock::take(&files).unwrap(), order, &contents, Arc::new(())).unwrap();
    let placed = begun.place(&source).unwrap();
    if committed {
        drop(placed.commit(&contents.installed(&package, old.as_ref()), redo).unwrap());
    } else {
        // The files are taken back at once; what the host stored meanwhile is not.
        let secrets = s.place.home().join("state/secrets/alice/hooker");
        std::fs::create_dir_all(&secrets).unwrap();
        std::fs::write(secrets.join("token"), "new").unwrap();
        let env = s.place.home().join("home/alice/.config/env/hooker.env.json");
        std::fs::write(env, "{\"plain\":\"after\"}").unwrap();
        drop(placed);
    }
    let Scene { place, runtime, .. } = s;
    runtime.shutdown().await;
    drop(runtime);
    Scene::of(place).await
}

async fn installed() -> Scene {
    let s = Scene::new().await;
    let options = astrid_capsule::InstallOptions::new(s.source("1.0.0", "")).principal(alice());
    s.runtime.install(options.value("plain", "before")).await.unwrap();
    s
}

// guest case 32, lifecycle case 11
#[tokio::test]
async fn what_a_hook_stored_is_written_at_the_start_when_the_record_was_there() {
    let s = cut_short(installed().await, true).await;
    assert_eq!(s.version().as_deref(), Some("1.1.0"));
    s.runtime.load_for(s.target(), &alice()).await.unwrap();
    assert_eq!((s.get("kept").await, s.get("upgrade.count").await), (json!("upgrade"), json!("1")));
    assert!(
        !s.files().iter().any(|name| name.contains(".bak") || name.contains("journal")),
        "{:?}",
        s.files()
    );
    let records = s.audit.audited();
    let recovered = records.iter().find(|one| one.op.function == "recover").unwrap();
    assert!(recovered.facts.contains(&("direction", "forward".to_owned())), "{:?}", recovered.facts);
}

// guest case 32, lifecycle case 11
#[tokio::test]
async fn values_are_put_back_at_the_start_when_the_record_was_not_there_and_an_upgrade_succeeds_then() {
    let s = cut_short(installed().await, false).await;
    assert_eq!(s.version().as_deref(), Some("1.0.0"));
    s.runtime.load_for(s.target(), &alice()).await.unwrap();
    assert_eq!((s.get("kept").await, s.get("upgrade.count").await), (json!("install"), json!(null)));
    for (key, value) in [("plain", json!("before")), ("token", json!(null))] {
        assert_eq!(crate::support::ask(&s.loaded(), "alice", "config", json!({ "key": key })).await, value);
    }
    assert!(!s.files().iter().any(|name| name.contains("journal")), "{:?}", s.files());
    assert!(s.install(&s.source("1.1.0", "")).await.unwrap().hook_ran);
    assert_eq!((s.version().as_deref(), s.get("kept").await), (Some("1.1.0"), json!("upgrade")));
}

#[tokio::test]
async fn a_journal_that_is_damaged_stops_its_capsule_and_no_other() {
    let s = installed().await;
    let journal = s.place.home().join("state/install/alice/hooker.journal");
    std::fs::write(&journal, "damaged").unwrap();
    let Scene { place, runtime, .. } = s;
    runtime.shutdown().await;
    drop(runtime);
    let s = Scene::of(place).await;
    let error = s.install(&s.source("1.1.0", "")).await.unwrap_err();
    assert!(error.to_string().contains("hooker.journal: is damaged"), "{error}");
    s.runtime.load_for(s.target(), &alice()).await.unwrap();
    let options = astrid_capsule::InstallOptions::new(s.source("1.1.0", "")).principal(bob());
    s.runtime.install(options).await.unwrap();
}
