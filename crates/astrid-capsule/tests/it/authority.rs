//! What profiles take away: hosts, open connections and directories, shares of the machine.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{Place, ask, call, guest, probe_manifest_with};
use astrid_capsule::{Capsule, HandlerResult, LocalEgress, Runtime};
use astrid_host_context::CapsuleId;
use astrid_host_testkit::Recorder;
use serde_json::{Value, json};

/// The first line goes on in the component's table.
const NET: &str = "capabilities = { net_connect = [\"127.0.0.1:*\"], fs_write = [\"home://\"] }\n";

/// A runtime whose capsule `probe` may reach the listener, as far as manifest and airlock decide.
async fn online(place: &Place, audit: Arc<Recorder>) -> (Runtime, Arc<dyn Capsule>, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut egress = LocalEgress::new();
    for id in ["probe", "offline"] {
        egress.allow(&CapsuleId::parse(id).unwrap(), "127.0.0.1:*").unwrap();
    }
    let builder = place.builder(|config| config.local_egress = egress).audit(audit);
    let runtime = builder.build().await.unwrap();
    let dir = place.capsule("probe", &guest("probe"), &probe_manifest_with(NET));
    let capsule = runtime.load(dir).await.unwrap();
    (runtime, capsule, listener)
}

fn to(listener: &TcpListener) -> Value {
    json!({ "host": "127.0.0.1", "port": listener.local_addr().unwrap().port() })
}

// security-gate case 23
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_takes_hosts_away_that_the_manifest_allows_and_gives_none() {
    let place = Place::new();
    let restricted = "groups = [\"restricted\"]\n";
    place.profile("alice", restricted);
    place.profile("bob", "");
    place.profile("carol", &format!("{restricted}[network.capsule_egress]\nprobe = [\"127.0.0.1\"]\n"));
    place.profile("dave", "[network]\negress = [\"elsewhere.example\"]\n");
    place.profile("default", "groups = [\"admin\"]\n");
    let audit = Arc::new(Recorder::default());
    let (runtime, c, listener) = online(&place, audit.clone()).await;
    for (who, allowed) in
        [("alice", false), ("bob", true), ("carol", true), ("dave", false), ("default", true)]
    {
        let said = ask(&c, who, "connect", to(&listener)).await;
        assert_eq!(said["ok"] == true, allowed, "{who}: {said}");
        assert!(allowed || said["err"].as_str().unwrap().contains("CapabilityDenied"), "{who}: {said}");
    }
    let detail = audit.audited().into_iter().find_map(|event| {
        let dave = event.principal.as_ref().is_some_and(|who| who.as_str() == "dave");
        event.detail.filter(|detail| dave && detail.contains("the profile of 'dave', network.egress"))
    });
    assert!(detail.unwrap().contains("elsewhere.example"));

    place.profile("alice", &format!("{restricted}[network]\negress = [\"127.0.0.1\"]\n"));
    runtime.principal_changed("alice").await.unwrap().unwrap();
    assert_eq!(
        ask(&c, "alice", "connect", to(&listener)).await,
        json!({ "ok": true }),
        "the new profile counts"
    );

    let offline = place.capsule("offline", &guest("probe"), &probe_manifest_with(""));
    let offline = runtime.load(offline).await.unwrap();
    let said = ask(&offline, "default", "connect", to(&listener)).await;
    assert!(said["err"].as_str().unwrap().contains("CapabilityDenied"), "an administrator's too: {said}");
}

// principals §6, net: revocation
#[tokio::test]
async fn removing_a_principal_closes_its_connections_at_once_and_nobody_elses() {
    let place = Place::new();
    let (runtime, c, listener) = online(&place, Arc::default()).await;
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let mut peers = Vec::new();
    let mut calls = Vec::new();
    for who in ["alice", "bob"] {
        let (c, input) = (c.clone(), to(&listener));
        calls.push(tokio::spawn(async move { call(&c, who, "hold", input).await }));
        listening.recv().await.unwrap();
        let (peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        peers.push(peer);
    }
    assert_eq!(runtime.connections().len(), 2);
    runtime.remove_principal("alice").await.unwrap();
    // Nothing else has run on this thread since: it was not the end of her call that closed it.
    let mut reads = peers.iter_mut().map(|peer| peer.read(&mut [0]));
    assert_eq!(reads.next().unwrap().unwrap(), 0);
    assert_eq!(reads.next().unwrap().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let denied = HandlerResult::Deny { reason: "principal 'alice' is disabled".to_owned() };
    assert_eq!(calls.remove(0).await.unwrap(), denied);
    runtime.unload("probe").await.unwrap();
}

// principals §6, fs
#[tokio::test]
async fn a_removed_principals_open_home_is_given_up_so_that_a_new_one_is_found() {
    let place = Place::new();
    place.profile("alice", "");
    let (runtime, c, _listener) = online(&place, Arc::default()).await;
    let note = json!({ "path": "home://note", "bytes": 3 });
    assert_eq!(ask(&c, "alice", "write", note.clone()).await, json!({ "ok": null }));
    let home = place.home().join("home/alice");
    assert!(home.join("note").exists());
    runtime.remove_principal("alice").await.unwrap();
    std::fs::remove_dir_all(&home).unwrap();
    runtime.readmit_principal("alice").unwrap();
    assert_eq!(ask(&c, "alice", "write", note).await, json!({ "ok": null }));
    assert!(home.join("note").exists(), "written into the directory that was removed");
}

// principals case 18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_beyond_the_rate_is_refused_per_capsule_however_many_instances_publish() {
    let place = Place::new();
    // A tenth of the default, so that making the text takes no part of the second.
    place.profile("alice", "[quotas]\nmax_ipc_throughput_bytes = 1000000\nmax_in_flight_calls = 4\n");
    let runtime = place.runtime_with(|config| config.instance_pool_size = Some(16)).await;
    let flooders = ["probe", "other"].map(|id| place.capsule(id, &guest("probe"), &probe_manifest_with("")));
    let [one, other] = flooders.map(|dir| runtime.load(dir));
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    let flood = json!({ "topic": "probe.v1.said", "bytes": 100_000, "count": 100 });
    // Instances first, so that the floods begin together.
    for _ in 0..2 {
        ask(&one, "alice", "marker", json!({})).await;
    }
    let start = Instant::now();
    let floods = [&one, &one, &one, &one].map(|c| {
        let (c, flood) = (c.clone(), flood.clone());
        tokio::spawn(async move { ask(&c, "alice", "flood", flood).await.as_u64().unwrap() })
    });
    let mut published = 0;
    for flood in floods {
        published += flood.await.unwrap();
    }
    let refilled = start.elapsed().as_secs_f64() * 10.0;
    assert!(published >= 10, "a second's worth may go at once: {published}");
    #[expect(clippy::cast_precision_loss, reason = "a few hundred at most")]
    let published = published as f64;
    assert!(published <= 10.0 + refilled, "{published} in {:?}", start.elapsed());
    assert!(ask(&other, "alice", "flood", flood).await.as_u64().unwrap() >= 10, "a budget of its own");
}

// principals case 14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_principal_that_burns_fuel_does_not_slow_anothers_handlers() {
    let place = Place::new();
    place.profile("alice", "[quotas]\nmax_cpu_fuel_per_sec = 20000000\n");
    place.profile("bob", "");
    let runtime = place.runtime().await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    let median = async || {
        let mut took = Vec::new();
        for _ in 0..101 {
            let start = Instant::now();
            call(&c, "bob", "noop", json!({})).await;
            took.push(start.elapsed());
        }
        took.sort();
        took[50]
    };
    let alone = median().await;
    let burning: Vec<_> = (0..2)
        .map(|_| {
            let c = c.clone();
            // Minutes' worth of her fuel.
            tokio::spawn(async move { ask(&c, "alice", "burn", json!({ "rounds": 400_000_000 })).await })
        })
        .collect();
    while runtime.fuel_used("alice") == 0 && !burning.iter().any(tokio::task::JoinHandle::is_finished) {
        tokio::task::yield_now().await;
        if runtime.quota_usage("alice").await.unwrap().in_flight > 0 {
            break;
        }
    }
    // The chapter's tenth, widened by what a shared machine adds, and the least of several: it adds more at times.
    let bound = alone * 3 + Duration::from_millis(10);
    let mut beside = median().await;
    for _ in 0..20 {
        if beside < bound {
            break;
        }
        beside = beside.min(median().await);
    }
    assert!(burning.iter().any(|burn| !burn.is_finished()), "she was paced while bob was measured");
    assert!(beside < bound, "{alone:?} alone, {beside:?} beside her");
    burning.iter().for_each(tokio::task::JoinHandle::abort);
}
