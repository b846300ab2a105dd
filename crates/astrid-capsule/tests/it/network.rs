//! What an operator sets about the network, and real guests on sockets.
#![expect(clippy::indexing_slicing, reason = "a test that cannot set up must fail")]

mod client;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{Place, ask, call, guest, probe_manifest_with};
use astrid_capsule::{Capsule, HandlerResult, Readiness, Runtime};
use client::Client;
use serde_json::{Value, json};

const CONNECTS: &str = "capabilities = { net_connect = [\"127.0.0.1:*\"] }\n";
const PATIENCE: Duration = Duration::from_secs(30);

/// A runtime that follows the file of its home, which says this.
async fn operated(place: &Place, text: &str) -> Runtime {
    configure(place, text);
    Runtime::builder().home(place.home()).workspace(place.path(".")).build().await.unwrap()
}

/// Replaces the file as editors do.
fn configure(place: &Place, text: &str) {
    let etc = place.home().join("etc");
    std::fs::create_dir_all(&etc).unwrap();
    std::fs::write(etc.join("config.new"), format!("[capsule]\nallocation = \"on-demand\"\n{text}")).unwrap();
    std::fs::rename(etc.join("config.new"), etc.join("config.toml")).unwrap();
}

async fn probe(place: &Place, runtime: &Runtime) -> Arc<dyn Capsule> {
    let dir = place.capsule("probe", &guest("probe"), &probe_manifest_with(CONNECTS));
    runtime.load(dir).await.unwrap()
}

fn to(port: u16) -> Value {
    json!({ "host": "127.0.0.1", "port": port })
}

/// Asks until the answer is the wanted one.
async fn until(c: &Arc<dyn Capsule>, port: u16, allowed: bool) {
    let start = Instant::now();
    loop {
        let said = ask(c, "default", "connect", to(port)).await;
        if (said["ok"] == true) == allowed {
            assert!(allowed || said["err"].as_str().unwrap().contains("AirlockRejected"), "{said}");
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{said}");
    }
}

// net case 9, http case 10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_of_the_operators_file_come_and_go_while_capsules_run() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // What came with the workspace admits nobody.
    std::fs::create_dir_all(place.path(".astrid")).unwrap();
    let rules = format!("[security.capsule_local_egress]\nprobe = [\"127.0.0.1:{port}\"]\n");
    std::fs::write(place.path(".astrid/config.toml"), &rules).unwrap();
    let runtime = operated(&place, "").await;
    let c = probe(&place, &runtime).await;
    until(&c, port, false).await;

    configure(&place, &rules);
    until(&c, port, true).await;
    listener.accept().unwrap();
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let held = {
        let c = c.clone();
        tokio::spawn(async move { call(&c, "default", "hold", to(port)).await })
    };
    listening.recv().await.unwrap();
    let (mut peer, _) = listener.accept().unwrap();

    // A slip changes nothing.
    configure(&place, "[security]\ncapsule_local_egres = {}\n");
    peer.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    until(&c, port, true).await;
    listener.accept().unwrap();

    configure(&place, "");
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    // The chapter's second is what two waits of `runtime/follow.rs` come to, which is tested there: this machine may
    // be busy with whatever else. Nothing but the entry's end would close it.
    assert_eq!(tokio::task::spawn_blocking(move || peer.read(&mut [0]).unwrap()).await.unwrap(), 0);
    until(&c, port, false).await;
    held.abort();
    let refused = runtime.network_figures().airlock_rejections;
    assert!(refused.iter().any(|(class, count)| *class == "loopback" && *count >= 2), "{refused:?}");
    runtime.shutdown().await;
}

// net case 28
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_workers_of_a_guest_serve_four_clients_at_once_on_one_port() {
    let place = Place::new();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], astrid_host_testkit::free_port()));
    let runtime = place.runtime().await;
    let mut complaints = runtime.observe("looper.v1.answer").unwrap();
    let manifest = format!(
        "[env.mode]\ndefault = \"tcp\"\n[env.port]\ndefault = \"{}\"\n[capabilities]\nnet_bind = [\"127.0.0.1:*\"]\nbind_workers = 4\n[publish]\n\"looper.v1.answer\" = \"opaque\"\n",
        address.port(),
    );
    let capsule = runtime.load(place.capsule("looper", &guest("looper"), &manifest)).await.unwrap();
    assert_eq!(capsule.wait_ready(PATIENCE).await, Readiness::Ready);
    let served = tokio::task::spawn_blocking(move || {
        // The workers start one after the other: by the time each had a turn, all four listen.
        for _ in 0..4 {
            serve(address);
        }
        // Fewer than four at once would take a second every time; a busy machine makes it so sometimes.
        for round in 1..=20 {
            let start = Instant::now();
            let clients: Vec<_> = (0..4).map(|_| std::thread::spawn(move || serve(address))).collect();
            clients.into_iter().for_each(|client| client.join().unwrap());
            let took = start.elapsed();
            assert!(took >= Duration::from_millis(495), "{took:?}");
            if took < Duration::from_secs(1) {
                return 4 + 4 * round;
            }
        }
        panic!("four clients were never served at once");
    });
    let clients = served.await.unwrap();
    assert!(complaints.try_recv().unwrap().is_none(), "no worker found the port taken");
    assert_eq!(runtime.network_figures().streams.accepted, clients);
    runtime.shutdown().await;
}

fn serve(address: std::net::SocketAddr) {
    let mut client = TcpStream::connect(address).unwrap();
    let mut said = [0; 6];
    client.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"served");
}

// net case 32, request-context cases 1 and 6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_proves_itself_with_a_key_of_its_profile_and_loses_the_connection_with_it() {
    let place = Place::new();
    let key = Client::key(7);
    let auth = |keys: &[String]| format!("[auth]\nmethods = [\"keypair\"]\npublic_keys = {keys:?}\n");
    let (hers, other) = (Client::public(&key), Client::public(&Client::key(8)));
    place.profile("alice", &auth(&[other.clone(), hers]));
    // The well-known socket is whose the operator says, uplink or not.
    let change =
        |config: &mut astrid_capsule::Config| config.uplink_control = Some("looper".parse().unwrap());
    let runtime = place.runtime_with(change).await;
    let mut answers = runtime.observe("looper.v1.answer").unwrap();
    let manifest = "[env.mode]\ndefault = \"unix\"\n[capabilities]\nnet_bind = [\"unix:*\"]\n[publish]\n\"looper.v1.answer\" = \"opaque\"\n";
    let capsule = runtime.load(place.capsule("looper", &guest("looper"), manifest)).await.unwrap();
    assert_eq!(capsule.wait_ready(PATIENCE).await, Readiness::Ready);
    let mut next = async || -> Value {
        let said = tokio::time::timeout(PATIENCE, answers.recv()).await.unwrap().unwrap();
        serde_json::from_slice(said.payload().bytes()).unwrap()
    };
    let home = place.home();
    let client = |signer: ed25519_dalek::SigningKey| {
        let home = home.clone();
        tokio::task::spawn_blocking(move || Client::proven(&home, "alice", &signer))
    };
    assert!(client(Client::key(9)).await.unwrap().is_none(), "a key of nobody proves nothing");
    let mut alice = client(key).await.unwrap().unwrap();
    let connected = next().await;
    assert_eq!(
        (&connected["what"], &connected["principal"]),
        (&json!("connected"), &json!("Ok(Some(\"alice\"))"))
    );
    let owner = connected["owner"].as_str().unwrap();
    assert!(owner.starts_with("Ok(Some(\"") && owner.len() == "Ok(Some(\"\"))".len() + 36, "{owner}");
    alice.frame(b"hello").unwrap();
    let said = next().await;
    assert_eq!((&said["what"], &said["owner"]), (&json!("hello"), &connected["owner"]));

    place.profile("alice", &auth(&[other]));
    // The chapter's two seconds are two looks at the profiles, as is tested where they are made: this machine may be
    // busy with whatever else. Nothing but the key's end would close it.
    let closed = tokio::task::spawn_blocking(move || alice.wait_closed());
    tokio::time::timeout(PATIENCE, closed).await.unwrap().unwrap();
    let revoked = next().await;
    let gone = json!("Err(\"ErrorCode::InvalidHandle\")");
    assert_eq!((&revoked["principal"], &revoked["owner"]), (&gone, &gone), "{revoked}");
    let figures = runtime.network_figures();
    assert_eq!(figures.handshake_failures, [("unproven", 1)]);
    assert_eq!((figures.streams.accepted, figures.streams.received), (1, 9));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_capsule_that_is_not_named_has_no_well_known_socket() {
    let place = Place::new();
    let change = |config: &mut astrid_capsule::Config| config.uplink_control = Some("other".parse().unwrap());
    let runtime = place.runtime_with(change).await;
    let manifest = "[capabilities]\nuplink = true\nnet_bind = [\"unix:*\"]\n";
    runtime.load(place.capsule("looper", &guest("looper"), manifest)).await.unwrap();
    assert!(place.home().join("run/c/looper.sock").exists());
    assert!(!place.home().join("run/system.sock").exists());
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_peer_that_refused_is_not_asked_again_for_a_second() {
    let place = Place::new();
    let port = astrid_host_testkit::free_port();
    let runtime = operated(&place, "[security.capsule_local_egress]\nprobe = [\"127.0.0.1:*\"]\n").await;
    let c = probe(&place, &runtime).await;
    for _ in 0..2 {
        let said = ask(&c, "default", "connect", to(port)).await;
        assert!(said["err"].as_str().unwrap().contains("ConnectionRefused"), "{said}");
    }
    let HandlerResult::Final(_) = call(&c, "default", "echo", json!({})).await else { unreachable!() };
    runtime.shutdown().await;
}
