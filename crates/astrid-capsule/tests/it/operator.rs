//! What `etc/config.toml` says, seen by guests.

use std::time::{Duration, Instant};

use crate::support::{Place, ask, guest, probe_manifest_with};
use astrid_capsule::Runtime;
use serde_json::{Value, json};

/// A runtime whose operator wrote this, beginning in `[capsule]`.
pub(crate) async fn configured(place: &Place, text: &str) -> Runtime {
    let etc = place.home().join("etc");
    std::fs::create_dir_all(&etc).unwrap();
    let text = format!("[capsule]\nallocation = \"on-demand\"\n{text}\n");
    std::fs::write(etc.join("config.toml"), text).unwrap();
    Runtime::builder().home(place.home()).workspace(place.path("")).build().await.unwrap()
}

// ipc case 4, design decision 1
#[tokio::test]
async fn strict_topics_narrow_calls_manifests_and_operators_alike() {
    let place = Place::new();
    let runtime = configured(&place, "[bus]\ntopic_charset = \"strict\"").await;
    let probe = runtime.load(place.probe("probe")).await.unwrap();
    for (topic, said) in [
        ("probe.v1.lower", json!({ "ok": null })),
        ("probe.v1.Upper", json!({ "err": "ErrorCode::InvalidInput" })),
    ] {
        let answer = ask(&probe, "alice", "publish", json!({ "topic": topic, "payload": {} })).await;
        assert_eq!(answer, said, "{topic}");
    }
    assert!(runtime.publish("a.b:c", "{}", None).await.is_err());
    let manifest = "[subscribe]\n\"tool.v1.execute.getUser\" = { wit = \"opaque\", handler = \"noop\" }\n";
    let refused = runtime.load(place.capsule("tools", &guest("probe"), manifest)).await.map(|_| ());
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("getUser") && refused.contains("a-z 0-9 _ -"), "{refused}");
    runtime.shutdown().await;

    let place = Place::new();
    let runtime = place.runtime().await;
    runtime.load(place.capsule("tools", &guest("probe"), manifest)).await.unwrap();
}

// ipc §1.1
#[tokio::test]
async fn no_more_messages_a_second_go_out_than_the_operator_allows() {
    let place = Place::new();
    let runtime = configured(&place, "[bus]\nmax_msgs_per_sec = 3").await;
    let probe = runtime.load(place.probe("probe")).await.unwrap();
    let flood = json!({ "topic": "probe.v1.in.x", "bytes": 2, "count": 100 });
    let started = Instant::now();
    let sent = ask(&probe, "alice", "flood", flood).await.as_u64().unwrap();
    // A second's worth at once, and what came back meanwhile.
    let most = 3 + 3 * (started.elapsed().as_secs() + 1);
    assert!((3..=most).contains(&sent) && sent < 100, "{sent} in {:?}", started.elapsed());
}

// ipc case 47, with the wait that an operator sets
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publication_gives_up_on_a_full_handler_after_the_operators_wait() {
    let place = Place::new();
    let runtime = configured(&place, "[bus]\npublish_wait_ms = 0").await;
    runtime.load(place.probe("probe")).await.unwrap();
    let nap = json!({ "ns": 30_000_000_000_u64 }).to_string();
    // By default it would wait a second for the one that does not fit; on a busy machine that may also be so once.
    let (mut taken, mut fastest) = (0, Duration::MAX);
    for _ in 0..300 {
        let started = Instant::now();
        match runtime.publish("probe.v1.sleep", nap.clone(), Some("default")).await {
            Ok(_) => taken += 1,
            Err(refused) => {
                assert!(refused.to_string().contains("queue stayed full"), "{refused}");
                fastest = fastest.min(started.elapsed());
                if fastest < Duration::from_millis(900) {
                    break;
                }
            }
        }
    }
    assert!(taken >= 64, "{taken}");
    assert!(fastest < Duration::from_millis(900), "{fastest:?}");
}

// ipc case 24
#[tokio::test]
async fn an_idle_recv_answers_what_the_operator_chose_for_all_and_for_one() {
    let place = Place::new();
    let runtime =
        configured(&place, "[bus]\nrecv_idle = \"timeout\"\nrecv_idle_for = { old = \"empty\" }").await;
    for (id, got) in [("new", "Err(ErrorCode::Timeout)"), ("old", "Ok(0)")] {
        let probe = runtime.load(place.probe(id)).await.unwrap();
        let idle = json!({ "topic": "probe.v1.in.x", "timeout": 5 });
        assert_eq!(ask(&probe, "alice", "recv-then-caller", idle).await["got"], json!(got), "{id}");
    }
}

// principals §2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_work_of_all_capsules_goes_on_over_one_thread() {
    let place = Place::new();
    let runtime = configured(&place, "host_blocking_concurrency = 1").await;
    place.profile("alice", "");
    runtime.principal_changed("alice").await.unwrap().unwrap();
    let manifest = probe_manifest_with("capabilities = { fs_write = [\"home://\"] }\n");
    let probe = runtime.load(place.capsule("probe", &guest("probe"), &manifest)).await.unwrap();
    let writes = (0..4).map(|n| {
        let file = json!({ "path": format!("home://f{n}"), "bytes": 10 });
        ask(&probe, "alice", "write", file)
    });
    for said in futures_util::future::join_all(writes).await {
        assert_eq!(said, json!({ "ok": null }));
    }
}

const UPLINK: &str = "capabilities = { uplink = true }\n";
const KEEPER: &str = "[subscribe]\n\"keep.v1.set\" = { wit = \"opaque\", handler = \"set\" }\n\
                      \"keep.v1.get\" = { wit = \"opaque\", handler = \"get\" }\n\
                      \"keep.v1.cas\" = { wit = \"opaque\", handler = \"cas\" }\n";

// ipc cases 40 and 41
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_reaches_the_principals_keys_only_where_the_operator_delegated_it() {
    for (config, expected) in [
        ("", "1"),
        ("[uplinks.bridge]\nact_for = [\"bob\"]", "1"),
        ("[uplinks.other]\nact_for = [\"*\"]", "1"),
        ("[uplinks.bridge]\nact_for = [\"alice\"]", "2"),
        ("[uplinks.bridge]\nact_for = [\"*\"]", "2"),
    ] {
        let place = Place::new();
        place.profile("alice", "capsules = [\"keeper\"]\n");
        let runtime = configured(&place, config).await;
        let manifest =
            probe_manifest_with(UPLINK).replace("[publish]", "[publish]\n\"keep.v1.*\" = \"opaque\"");
        let bridge = runtime.load(place.capsule("bridge", &guest("probe"), &manifest)).await.unwrap();
        let keeper = runtime.load(place.capsule("keeper", &guest("probe"), KEEPER)).await.unwrap();
        let mut seen = runtime.observe("keep.v1.cas").unwrap();
        assert_eq!(
            ask(&keeper, "alice", "set", json!({ "key": "k", "value": "1" })).await,
            json!({ "ok": null })
        );
        let cas = json!({ "key": "k", "expected": "1", "value": "2" });
        let publish = json!({ "topic": "keep.v1.cas", "principal": "alice", "payload": cas });
        assert_eq!(ask(&bridge, "default", "publish-as", publish).await, json!({ "ok": null }), "{config}");
        let message = seen.recv().await.unwrap();
        let attribution = message.provenance().attribution.clone();
        assert_eq!(
            attribution,
            astrid_host_context::Attribution::Claimed("alice".parse().unwrap()),
            "{config}"
        );
        assert!(runtime.settle(Duration::from_secs(30)).await);
        let now: Value = ask(&keeper, "alice", "get", json!({ "key": "k" })).await;
        assert_eq!(now, json!({ "ok": expected }), "{config}");
    }
}
