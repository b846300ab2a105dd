//! Several builds of one capsule, each for its principals.

use std::path::PathBuf;
use std::time::Duration;

use crate::support::{Place, guest, record_hash};
use astrid_capsule::Runtime;
use astrid_host_context::Uuid;

/// The probe with some bytes more, in another directory: another build of the same capsule.
fn other_build(place: &Place) -> PathBuf {
    let dir = place.path("other");
    std::fs::create_dir(&dir).unwrap();
    let mut component = guest("probe");
    // A custom section named "x".
    component.extend([0, 2, 1, b'x']);
    std::fs::copy(place.path("probe").join("Capsule.toml"), dir.join("Capsule.toml")).unwrap();
    std::fs::write(dir.join("c.wasm"), &component).unwrap();
    record_hash(&dir, &component);
    dir
}

/// The session ids of the builds that answer `who`.
async fn answering(runtime: &Runtime, who: &str) -> Vec<Uuid> {
    let mut answers = runtime.observe("probe.v1.out").unwrap();
    let payload = r#"{"topic":"probe.v1.out","payload":1}"#;
    runtime.publish("probe.v1.publish", payload, Some(who)).await.unwrap();
    assert!(runtime.settle(Duration::from_secs(30)).await);
    let mut sources = Vec::new();
    while let Some(message) = answers.try_recv().unwrap() {
        sources.push(message.source());
    }
    sources
}

// lifecycle case 30
#[tokio::test]
async fn each_principal_reaches_its_own_build_and_a_shared_build_is_one_runtime() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let (mine, other) = (place.probe("probe"), other_build(&place));
    let alice = runtime.load_for(&mine, &"alice".parse().unwrap()).await.unwrap();
    let bob = runtime.load_for(&other, &"bob".parse().unwrap()).await.unwrap();
    let carol = runtime.load_for(&mine, &"carol".parse().unwrap()).await.unwrap();
    assert_ne!(alice.source_uuid(), bob.source_uuid());
    assert_eq!(alice.source_uuid(), carol.source_uuid());
    assert_eq!(runtime.capsules().len(), 2);
    assert_eq!(answering(&runtime, "alice").await, [alice.source_uuid()]);
    assert_eq!(answering(&runtime, "bob").await, [bob.source_uuid()]);
    assert_eq!(answering(&runtime, "carol").await, [alice.source_uuid()]);
    // In nobody's view: the first that was loaded.
    assert_eq!(answering(&runtime, "dave").await, [alice.source_uuid()]);
    let again = runtime.load_for(&mine, &"carol".parse().unwrap()).await.err().unwrap();
    assert!(again.to_string().contains("already registered: probe"), "{again}");
    runtime.unload("probe").await.unwrap();
    assert!(runtime.capsules().is_empty());
}
