//! Local clients that prove to be a principal with a key of its profile, through a real socket.
#![expect(clippy::indexing_slicing, reason = "a test that cannot set up must fail")]

use std::time::Duration;

use crate::support::{Place, guest};
use astrid_capsule::{Config, Readiness, Runtime};
use astrid_event_bus::Observer;
use astrid_host_context::Attribution;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const PATIENCE: Duration = Duration::from_secs(30);

/// The first line goes on in the component's table.
const MANIFEST: &str = "capabilities = { uplink = true, net_bind = [\"unix:*\"] }\n[env.mode]\ndefault = \"accept\"\n[publish]\n\"looper.v1.answer\" = \"opaque\"\n";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> String {
    format!("ed25519:{}", hex::encode(key(seed).verifying_key().as_bytes()))
}

fn with_keys(keys: &[String]) -> String {
    format!("[auth]\nmethods = [\"keypair\"]\npublic_keys = {keys:?}\n")
}

pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) runtime: Runtime,
    answers: Observer,
}

impl World {
    /// A frontend that accepts clients, and alice with the key of this seed.
    pub(crate) async fn new(seed: u8) -> Self {
        Self::with(seed, |_| {}).await
    }

    async fn with(seed: u8, change: impl FnOnce(&mut Config)) -> Self {
        let place = Place::new();
        place.profile("alice", &with_keys(&["rubbish".to_owned(), public(seed)]));
        let runtime = place.runtime_with(change).await;
        let front = runtime.load(place.capsule("front", &guest("looper"), MANIFEST)).await.unwrap();
        assert_eq!(front.wait_ready(PATIENCE).await, Readiness::Ready);
        let answers = runtime.observe("looper.v1.answer").unwrap();
        Self { place, runtime, answers }
    }

    /// Shakes hands as `name` with the key of this seed; the last answer and the connection.
    pub(crate) async fn dial(&self, name: &str, seed: u8) -> (Value, UnixStream) {
        let token = std::fs::read_to_string(self.place.home().join("run/system.token")).unwrap();
        let mut stream = UnixStream::connect(self.place.home().join("run/c/front.sock")).await.unwrap();
        let hello = json!({
            "token": token, "protocol_version": 1, "client_version": "test", "claimed_principal": name,
        });
        let challenge = ask(&mut stream, &hello).await;
        let text = format!("astrid-principal-auth:v1:{name}:{}", challenge["challenge"].as_str().unwrap());
        let signature = hex::encode(key(seed).sign(text.as_bytes()).to_bytes());
        let proof = json!({ "token": "", "protocol_version": 1, "signature": signature });
        let answer = ask(&mut stream, &proof).await;
        (answer, stream)
    }

    /// A client that proved to be alice, and whose first frame the guest has read.
    async fn connected(&mut self, seed: u8) -> UnixStream {
        let (answer, mut stream) = self.dial("alice", seed).await;
        assert_eq!(answer["status"], "ok", "{answer}");
        send(&mut stream, b"hello").await;
        let said = self.answers.recv().await.unwrap();
        let heard: Value = serde_json::from_slice(said.payload().bytes()).unwrap();
        assert_eq!(heard, json!({ "proven": "alice", "frame": "hello" }));
        assert_eq!(said.provenance().attribution, Attribution::Verified("alice".parse().unwrap()));
        stream
    }

    pub(crate) fn write(&self, profile: &str) {
        self.place.profile("alice", profile);
    }
}

pub(crate) async fn send(stream: &mut UnixStream, body: &[u8]) {
    stream.write_u32(u32::try_from(body.len()).unwrap()).await.unwrap();
    stream.write_all(body).await.unwrap();
}

async fn ask(stream: &mut UnixStream, message: &Value) -> Value {
    send(stream, message.to_string().as_bytes()).await;
    let mut body = vec![0; stream.read_u32().await.unwrap() as usize];
    stream.read_exact(&mut body).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn refused(answer: &Value) {
    assert_eq!((&answer["status"], &answer["reason"]), (&json!("error"), &json!("authentication failed")));
}

// net cases 32 and 34, principals §5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_signs_with_a_key_of_the_profile_speaks_as_its_principal_and_no_other_does() {
    let mut world = World::new(7).await;
    world.connected(7).await;
    let (wrong, mut stream) = world.dial("alice", 8).await;
    refused(&wrong);
    assert!(stream.read_u8().await.is_err(), "never served as somebody unproven");
    refused(&world.dial("bob", 7).await.0);
    refused(&world.dial("anonymous", 7).await.0);
    // The default profile of who has no file proves nobody.
    refused(&world.dial("default", 7).await.0);
    world.runtime.shutdown().await;
}

// net case 34, principals §5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_counts_from_the_write_on_and_only_with_its_method_and_an_enabled_profile() {
    let mut world = World::new(7).await;
    world.connected(7).await;
    // Nobody tells the host of these: it looks when it matters.
    for profile in [
        with_keys(&[]),
        format!("[auth]\npublic_keys = [{:?}]\n", public(7)),
        format!("[auth]\nmethods = [\"password\"]\npublic_keys = [{:?}]\n", public(7)),
        format!("enabled = false\n{}", with_keys(&[public(7)])),
        format!("enabeld = true\n{}", with_keys(&[public(7)])),
        format!("{}[[auth.devices]]\nkey = {:?}\nscopes = [\"chat\"]\n", with_keys(&[]), public(7)),
    ] {
        world.write(&profile);
        refused(&world.dial("alice", 7).await.0);
    }
    world.write(&format!("{}[[auth.devices]]\nkey = {:?}\n", with_keys(&[]), public(8)));
    world.connected(8).await;
    refused(&world.dial("alice", 7).await.0);
    world.runtime.shutdown().await;
}

// net §4.8: a revoked key's connections are closed within two seconds
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_a_key_out_closes_what_it_proved_and_leaves_the_other_keys_alone() {
    let mut world = World::new(7).await;
    world.write(&with_keys(&[public(7), public(8)]));
    let (mut seven, mut eight) = (world.connected(7).await, world.connected(8).await);
    world.write(&with_keys(&[public(8)]));
    world.runtime.principal_changed("alice").await.unwrap().unwrap();
    assert!(seven.read_u8().await.is_err(), "told of it, the host closes at once");
    let open = eight.try_read(&mut [0]).unwrap_err();
    assert_eq!(open.kind(), std::io::ErrorKind::WouldBlock, "the other key counts");
    world.write(&with_keys(&[]));
    // The two seconds are two looks at the profiles, as is tested where they are made: this machine may be busy.
    let closed = tokio::time::timeout(PATIENCE, eight.read_u8()).await;
    assert!(closed.unwrap().is_err(), "nobody told it");
    world.runtime.shutdown().await;
}

// sys case 4
#[tokio::test]
async fn a_capsule_with_a_local_socket_reads_its_path_and_no_other_does() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let handlers = crate::support::probe_manifest_with("");
    for (id, capabilities) in [("with", "capabilities = { net_bind = [\"unix:*\"] }\n"), ("without", "")] {
        let dir = place.capsule(id, &guest("probe"), &format!("{capabilities}{handlers}"));
        let capsule = runtime.load(dir).await.unwrap();
        let said =
            crate::support::ask(&capsule, "alice", "config", json!({ "key": "ASTRID_SOCKET_PATH" })).await;
        let path = place.home().join(format!("run/c/{id}.sock"));
        assert_eq!(said, json!({ "ok": (id == "with").then(|| path.to_str().unwrap()) }));
    }
}

async fn asked(prompts: &mut Observer) -> astrid_event_bus::Message {
    tokio::time::timeout(PATIENCE, prompts.recv()).await.unwrap().unwrap()
}

// elicit case 2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_an_operator_lets_it_a_handler_asks_on_the_connection_it_serves_until_that_is_closed() {
    let manifest = "[publish]\n\"hooker.v1.said\" = \"opaque\"\n[subscribe]\n\
                    \"looper.v1.answer\" = { wit = \"opaque\", handler = \"ask-name\" }\n";
    for interactive in [false, true] {
        let mut world = World::with(7, |config| config.elicit_interactive = interactive).await;
        world.runtime.load(world.place.capsule("hooker", &guest("hooker"), manifest)).await.unwrap();
        let mut prompts = world.runtime.observe("astrid.v1.elicit").unwrap();
        let mut said = world.runtime.observe("hooker.v1.said").unwrap();
        let mut answered = async || -> Value {
            let message = tokio::time::timeout(PATIENCE, said.recv()).await.unwrap().unwrap();
            serde_json::from_slice(message.payload().bytes()).unwrap()
        };
        let _first = world.connected(7).await;
        if !interactive {
            assert_eq!(answered().await, json!({ "answer": { "error": "not-in-lifecycle" } }));
            assert!(prompts.try_recv().unwrap().is_none());
            world.runtime.shutdown().await;
            continue;
        }
        // Waits its turn, and has no connection.
        let unasked = world.runtime.publish("looper.v1.answer", "{}", Some("alice")).await.unwrap();
        assert_eq!(unasked.handed_over, 1);
        world.answers.recv().await.unwrap();
        let prompt = asked(&mut prompts).await;
        let id = serde_json::from_slice::<Value>(prompt.payload().bytes()).unwrap()["request_id"].clone();
        let topic = format!("astrid.v1.elicit.response.{}", id.as_str().unwrap());
        let body = json!({ "type": "elicit_response", "request_id": id, "value": "Ada" }).to_string();
        // Somebody of the same name and not on this connection; then the connection's own word.
        world.runtime.publish(&topic, body.clone(), Some("alice")).await.unwrap();
        let reply = astrid_event_bus::Draft::new(
            astrid_event_bus::Topic::host(&topic).unwrap(),
            astrid_event_bus::Payload::parse(body.replace("Ada", "Eve")).unwrap(),
            prompt.provenance().clone(),
        );
        world.runtime.bus().announce(reply);
        assert_eq!(answered().await, json!({ "answer": { "value": "Eve" } }));
        assert_eq!(answered().await, json!({ "answer": { "error": "not-in-lifecycle" } }), "the unasked one");
        // Its key is taken out, and so the host closes it.
        let _second = world.connected(7).await;
        asked(&mut prompts).await;
        world.write(&with_keys(&[public(8)]));
        // Long before the question's own time is up, which is two minutes.
        assert_eq!(answered().await, json!({ "answer": { "error": "cancelled" } }));
        world.runtime.shutdown().await;
    }
}
