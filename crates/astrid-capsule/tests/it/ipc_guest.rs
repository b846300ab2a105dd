//! The cases of `astrid:ipc` that need a real guest beside other packages, or a whole runtime.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Place, ask, guest, probe_manifest_with};
use astrid_airlock::LocalEgress;
use astrid_capsule::Runtime;
use astrid_event_bus::{Charset, Draft, Payload, Topic};
use astrid_host_context::{Attribution, CapsuleId, Principal, Provenance, Transport, Uuid};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const NET: &str = "capabilities = { net = [\"127.0.0.1\"], net_connect = [\"127.0.0.1:*\"] }\n";

/// A runtime whose capsule `probe` may reach this port of the machine.
async fn reaching(place: &Place, port: u16) -> Runtime {
    let mut egress = LocalEgress::new();
    egress.allow(&CapsuleId::parse("probe").unwrap(), &format!("127.0.0.1:{port}")).unwrap();
    place.runtime_with(|config| config.local_egress = egress).await
}

fn text(message: &astrid_event_bus::Message) -> Value {
    serde_json::from_slice(message.payload().bytes()).unwrap()
}

// ipc case 16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_leaves_the_host_before_it_publishes_to_itself_has_no_re_entry_budget() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        loop {
            let (mut client, _) = server.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = client.read(&mut request).await;
            let _ =
                client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        }
    });
    let place = Place::new();
    let runtime = reaching(&place, port).await;
    let manifest = probe_manifest_with(NET);
    runtime.load(place.capsule("probe", &guest("probe"), &manifest)).await.unwrap();
    let mut ended = runtime.observe("probe.v1.ended").unwrap();
    let again = async |url: &str| {
        let again = json!({ "url": url, "left": 100 }).to_string();
        runtime.publish("probe.v1.fetch-again", again, Some("default")).await.unwrap();
    };
    again(&format!("http://127.0.0.1:{port}/")).await;
    let said = tokio::time::timeout(Duration::from_secs(60), ended.recv()).await.unwrap().unwrap();
    assert_eq!(text(&said), json!({ "left": 0, "fetched": "Ok(200)", "published": "Ok(())" }));

    // Where nothing leaves the host each run says so, until the ninth may publish nothing (case 15).
    again("no url").await;
    assert!(runtime.settle(Duration::from_secs(60)).await);
    for left in (93..=100).rev() {
        assert_eq!(text(&ended.recv().await.unwrap())["left"], left);
    }
    let more = tokio::time::timeout(Duration::from_millis(100), ended.recv()).await;
    assert!(more.is_err(), "{:?}", more.map(|more| text(&more.unwrap())));
    serving.abort();
}

// ipc case 43
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_request_came_from_is_known_after_three_capsules_and_no_guest_sets_it() {
    let place = Place::new();
    let runtime = place.runtime().await;
    for (id, topic) in [("one", "hop.v1.a"), ("two", "hop.v1.b"), ("three", "hop.v1.c")] {
        let manifest = format!(
            "[publish]\n\"hop.v1.*\" = \"opaque\"\n[subscribe]\n\"{topic}\" = {{ wit = \"opaque\", handler = \"publish\" }}\n"
        );
        runtime.load(place.capsule(id, &guest("probe"), &manifest)).await.unwrap();
    }
    let mut end = runtime.observe("hop.v1.d").unwrap();
    let forged = json!({ "origin": "local-socket", "transport": "local-socket", "device_key": "other" });
    let hop =
        |topic: &str, payload: Value| json!({ "topic": topic, "payload": payload, "origin": "local-socket" });
    let payload = hop("hop.v1.b", hop("hop.v1.c", hop("hop.v1.d", forged.clone())));
    let provenance = Provenance {
        attribution: Attribution::Verified(Principal::parse("default").unwrap()),
        transport: Transport::RemoteGateway,
        device_key: Some("key-1".into()),
        request_owner: Some(Uuid::from_u128(42)),
    };
    let topic = Topic::parse("hop.v1.a", Charset::Token).unwrap();
    let draft = Draft::new(topic, Payload::parse(payload.to_string()).unwrap(), provenance.clone());
    let admitted = || Ok::<_, std::convert::Infallible>(());
    runtime.bus().publish(draft, Duration::from_secs(5), admitted).await.unwrap();
    let last = tokio::time::timeout(Duration::from_secs(30), end.recv()).await.unwrap().unwrap();
    assert_eq!(*last.provenance(), provenance);
    assert_eq!(last.source(), runtime.capsule("three").unwrap().source_uuid());
    assert_eq!(text(&last), forged, "what a guest wrote is payload and nothing else");
}

// ipc case 44
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guests_poll_over_a_subscription_and_a_silent_connection_wakes_with_the_subscription_alone() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    let place = Place::new();
    let runtime = Arc::new(reaching(&place, port).await);
    let manifest = probe_manifest_with(NET);
    let probe = runtime.load(place.capsule("probe", &guest("probe"), &manifest)).await.unwrap();
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let publish = async {
        listening.recv().await.unwrap();
        runtime.publish("probe.v1.in.x", "{}", Some("alice")).await.unwrap();
    };
    let input = json!({ "topic": "probe.v1.in.x", "host": "127.0.0.1", "port": port });
    let (said, ()) = tokio::join!(ask(&probe, "alice", "poll-two", input), publish);
    assert_eq!(said, json!({ "fresh": false, "woken": [0], "still": true, "drained": 1, "after": false }));
}

// ipc §3.1: a v4 UUID, fresh per load, shared by a capsule's stores; abi wins over engines §1, which derives it
#[tokio::test]
async fn the_source_id_is_random_fresh_for_each_load_and_the_same_in_every_instance() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let version = |id| uuid::Uuid::from(id).get_version_num();
    let probe = runtime.load(place.probe("probe")).await.unwrap();
    let first = probe.source_uuid();
    assert_eq!((version(first), first.is_nil()), (4, false));
    let mut seen = runtime.observe("probe.v1.out").unwrap();
    for who in ["alice", "bob"] {
        ask(&probe, who, "publish", json!({ "topic": "probe.v1.out", "payload": {} })).await;
        assert_eq!(seen.recv().await.unwrap().source(), first, "{who}");
    }
    let again = runtime.reload("probe").await.unwrap();
    assert_ne!(again.source_uuid(), first);
    assert_eq!(version(again.source_uuid()), 4);
    ask(&again, "alice", "publish", json!({ "topic": "probe.v1.out", "payload": {} })).await;
    assert_eq!(seen.recv().await.unwrap().source(), again.source_uuid());
    // The same bytes in another capsule have another.
    let twin = runtime.load(place.probe("twin")).await.unwrap();
    assert_ne!(twin.source_uuid(), again.source_uuid());
}
