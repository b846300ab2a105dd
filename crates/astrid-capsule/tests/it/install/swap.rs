//! The loaded capsule while another version is installed.

use std::sync::Arc;

use astrid_capsule::{InstallOptions, SearchPath, State};
use serde_json::json;

use super::{Desk, Scene, alice, bob, build};
use crate::support::{ask, probe_manifest_with};

impl Scene {
    /// The guest `probe`, which has no hooks.
    fn probe(&self, version: &str) -> InstallOptions {
        let dir = self.place.path(&format!("probe-{version}"));
        std::fs::create_dir_all(&dir).unwrap();
        let head = format!(
            "[package]\nname = \"probe\"\nversion = \"{version}\"\n\n[[component]]\nfile = \"c.wasm\"\n\n"
        );
        std::fs::write(dir.join("Capsule.toml"), head + &probe_manifest_with("")).unwrap();
        std::fs::write(dir.join("c.wasm"), build("probe", version)).unwrap();
        InstallOptions::new(dir).desk(Arc::new(Desk::default()))
    }
}

#[tokio::test]
async fn without_a_hook_every_event_is_handled_by_the_old_version_or_the_new_one() {
    let s = Scene::new().await;
    s.runtime.install(s.probe("1.0.0").principal(alice())).await.unwrap();
    let mut answers = s.runtime.observe("probe.v1.out").unwrap();
    let (stop, runtime) = (Arc::new(tokio::sync::Notify::new()), s.runtime.clone());
    let stopped = stop.clone();
    // Eight at a time, so that the answers are read as fast as they come.
    let publishing = tokio::spawn(async move {
        let (mut sent, mut seen) = (0u64, Vec::new());
        loop {
            let payload = json!({ "topic": "probe.v1.out", "payload": sent }).to_string();
            runtime.publish("probe.v1.publish", payload, Some("alice")).await.unwrap();
            sent += 1;
            while let Some(message) = answers.try_recv().unwrap() {
                seen.push((
                    message.source(),
                    serde_json::from_slice::<u64>(message.payload().bytes()).unwrap(),
                ));
            }
            tokio::select! {
                biased;
                () = stopped.notified() => break,
                _ = runtime.settle(std::time::Duration::from_secs(60)), if sent % 8 == 0 => {}
                () = tokio::task::yield_now(), if sent % 8 != 0 => {}
            }
        }
        assert!(runtime.settle(std::time::Duration::from_secs(60)).await);
        while let Some(message) = answers.try_recv().unwrap() {
            seen.push((message.source(), serde_json::from_slice::<u64>(message.payload().bytes()).unwrap()));
        }
        (sent, seen)
    });
    let old = s.runtime.capsule("probe").unwrap().source_uuid();
    s.runtime.install(s.probe("1.1.0").principal(alice())).await.unwrap();
    let new = s.runtime.capsule("probe").unwrap().source_uuid();
    assert_ne!(old, new);
    stop.notify_one();
    let (sent, seen) = publishing.await.unwrap();
    assert!(seen.iter().all(|(source, _)| [old, new].contains(source)));
    let mut numbers: Vec<_> = seen.into_iter().map(|(_, number)| number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..sent).collect::<Vec<_>>(), "none lost, none twice");
}

#[tokio::test]
async fn a_version_whose_loop_dies_at_once_is_no_upgrade_and_the_old_one_goes_on() {
    let s = Scene::new().await;
    let looper = |version: &str, mode: &str| {
        let dir = s.place.path(&format!("looper-{version}"));
        std::fs::create_dir_all(&dir).unwrap();
        let manifest = format!(
            "[package]\nname = \"looper\"\nversion = \"{version}\"\n\n[[component]]\nfile = \"c.wasm\"\n\n\
             [env.mode]\ndefault = \"{mode}\"\n[subscribe]\n\"looper.v1.ask\" = \"opaque\"\n"
        );
        std::fs::write(dir.join("Capsule.toml"), manifest).unwrap();
        std::fs::write(dir.join("c.wasm"), build("looper", version)).unwrap();
        s.runtime.install(InstallOptions::new(dir).principal(alice()))
    };
    looper("1.0.0", "serve").await.unwrap();
    let serving = || {
        let capsule = s.runtime.capsule("looper").unwrap();
        (capsule.manifest().package.version.to_string(), capsule.state())
    };
    let before = s.files();
    let error = looper("1.1.0", "trap").await.unwrap_err();
    assert!(error.to_string().contains("run loop ended before it was ready"), "{error}");
    assert_eq!((s.files(), serving()), (before, ("1.0.0".to_owned(), State::Ready)));
    looper("1.2.0", "serve").await.unwrap();
    assert_eq!(serving(), ("1.2.0".to_owned(), State::Ready));
}

#[tokio::test]
async fn a_build_that_two_principals_share_is_upgraded_for_one_and_stays_for_the_other() {
    let s = Scene::new().await;
    for who in [alice(), bob()] {
        s.runtime.install(s.probe("1.0.0").principal(who)).await.unwrap();
    }
    assert_eq!(s.runtime.capsules().len(), 1, "one build is one runtime");
    // Alice, for whom it was loaded first, goes on to the next version.
    s.runtime.install(s.probe("1.1.0").principal(alice())).await.unwrap();
    let versions = |s: &Scene| {
        let mut all: Vec<_> =
            s.runtime.capsules().iter().map(|one| one.manifest().package.version.to_string()).collect();
        all.sort();
        all
    };
    assert_eq!(versions(&s), ["1.0.0", "1.1.0"]);
    s.runtime.install(s.probe("1.1.0").principal(bob())).await.unwrap();
    assert_eq!(versions(&s), ["1.1.0"]);
    assert_eq!(std::fs::read_dir(s.place.home().join("bin")).unwrap().count(), 1);
    s.runtime.uninstall("probe", &alice(), false).await.unwrap();
    let left = s.runtime.capsules();
    assert_eq!(left.len(), 1);
    assert_eq!(ask(&left[0], "bob", "set", json!({ "key": "a", "value": "1" })).await, json!({ "ok": null }));
    s.runtime.uninstall("probe", &bob(), false).await.unwrap();
    assert!(s.runtime.capsules().is_empty());
}

#[tokio::test]
async fn a_capsule_that_was_loaded_from_elsewhere_goes_on() {
    let s = Scene::new().await;
    let dir = s.place.probe("probe");
    let own = s.runtime.load_for(&dir, &alice()).await.unwrap();
    s.runtime.install(s.probe("1.0.0").principal(alice())).await.unwrap();
    assert_eq!(s.runtime.capsule("probe").unwrap().source_uuid(), own.source_uuid());
    s.runtime.unload("probe").await.unwrap();
    let report = s.runtime.boot(&[SearchPath::installed(s.runtime.home().root(), "alice")]).await;
    assert!(report.problems().is_empty(), "{:?}", report.problems());
    assert_eq!(s.runtime.capsule("probe").unwrap().manifest().package.version.to_string(), "1.0.0");
}
