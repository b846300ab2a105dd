//! The local endpoint: handshake, queue, files.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;
use std::time::Duration;

use crate::client::{Client, Site, auth, site, site_for};
use crate::common::*;
use astrid_host_context::{Failure, Outcome, Principal};
use astrid_host_net::{
    ClientEvents, Error, FrameObserver, FrameRead, MAY_ACCEPT_UNIX, NetCtx, PeerIdentity, UnixEndpoint,
};
use astrid_host_testkit::FakeHost;
use parking_lot::Mutex;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl ClientEvents for Told {
    fn connected(&self, principal: &Principal) {
        self.0.lock().push(format!("+{principal}"));
    }

    fn disconnected(&self, principal: &Principal) {
        self.0.lock().push(format!("-{principal}"));
    }
}

#[derive(Default)]
struct Seen(Mutex<Option<String>>);

impl FrameObserver for Seen {
    fn frame_read(&self, peer: Option<&PeerIdentity>) {
        *self.0.lock() = peer.map(|peer| peer.principal.to_string());
    }
}

fn at(site: &Site) -> (Store, Arc<Told>) {
    let told = Arc::new(Told::default());
    let net = NetCtx::builder(airlock()).endpoint(site.endpoint.clone()).client_events(told.clone()).build();
    (Store { host: FakeHost::builder().build(), net, io: Default::default() }, told)
}

// net case 31
#[tokio::test]
async fn a_client_with_the_token_alone_is_accepted_unproven_and_announced_as_anonymous() {
    let site = site();
    let (mut store, told) = at(&site);
    let listener = store.net().bind_unix().await.unwrap();
    let mut client = site.client().await;
    let stream = store.net().accept_unix(&listener).await.unwrap();
    assert_eq!(*told.0.lock(), ["+anonymous"]);
    client.send_raw(b"frame").await;
    assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Data(b"frame".to_vec()));
    assert!(store.host.cx().table.get(&stream).unwrap().peer_identity().unwrap().is_none());
    let half = store.net().read_stream(&stream).unwrap();
    store.drop_stream(stream);
    assert_eq!(told.0.lock().len(), 1, "a half holds the connection");
    store.io().drop_resource(half).unwrap();
    assert_eq!(*told.0.lock(), ["+anonymous", "-anonymous"]);
    assert!(client.is_closed().await);
}

// net case 32
#[tokio::test]
async fn a_proven_client_is_known_by_name_to_events_and_to_the_observer_of_its_frames() {
    let site = site();
    let (store, told) = at(&site);
    let seen = Arc::new(Seen::default());
    let mut store = Store { net: store.net.observed(seen.clone()), ..store };
    let listener = store.net().bind_unix().await.unwrap();
    let mut client = site.proven("alice").await;
    let alice = store.net().accept_unix(&listener).await.unwrap();
    let mut plain = site.client().await;
    let nobody = store.net().accept_unix(&listener).await.unwrap();
    client.send_raw(b"1").await;
    assert_eq!(store.net().read(&alice).await.unwrap(), FrameRead::Data(b"1".to_vec()));
    assert_eq!(seen.0.lock().as_deref(), Some("alice"));
    // Any other outcome ends it: no frame, or somebody else's.
    assert_eq!(store.net().read(&alice).await.unwrap(), FrameRead::Pending);
    assert_eq!(*seen.0.lock(), None);
    client.send_raw(b"2").await;
    store.net().read(&alice).await.unwrap();
    plain.send_raw(br#"{"principal":"alice"}"#).await;
    assert!(matches!(store.net().read(&nobody).await.unwrap(), FrameRead::Data(_)));
    assert_eq!(*seen.0.lock(), None);
    store.drop_stream(alice);
    assert_eq!(*told.0.lock(), ["+alice", "+anonymous", "-alice"]);
}

// net case 33
#[tokio::test]
async fn wrong_tokens_get_identical_answers_and_an_old_version_is_named_first() {
    let site = site();
    let mut answers = Vec::new();
    for token in ["0".repeat(64), "0".repeat(63), "g".repeat(64), String::new()] {
        let mut client = site.dial().await;
        client.send_raw(json!({"token": token, "protocol_version": 1}).to_string().as_bytes()).await;
        answers.push(client.answer().await.unwrap());
        assert!(client.is_closed().await);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let text = String::from_utf8(answers.remove(0)).unwrap();
    assert!(text.contains("authentication failed"), "{text}");
    let mut client = site.dial().await;
    let answer = client.ask(&json!({"token": "x", "protocol_version": 2})).await.unwrap();
    let reason = answer["reason"].as_str().unwrap();
    assert!(reason.contains('2') && reason.contains('1'), "{reason}");
}

// net case 34
#[tokio::test]
async fn a_claim_that_is_not_proven_is_never_accepted() {
    let site = site();
    let (mut store, _) = at(&site);
    let listener = store.net().bind_unix().await.unwrap();
    // Another key, disabled, without the method, unknown.
    for (name, signer) in [("alice", "bob"), ("carol", "carol"), ("dave", "dave"), ("erin", "erin")] {
        let mut client = site.dial().await;
        let answer = site.prove(&mut client, name, signer).await.unwrap();
        assert_eq!(answer["reason"], "authentication failed", "{name}");
        assert!(client.is_closed().await);
    }
    for name in ["../x", "", "a b"] {
        let answer = site.dial().await.ask(&site.hello(Some(name))).await.unwrap();
        assert_eq!(answer["reason"], "authentication failed", "{name}");
    }
    // Missing, malformed, and a signature that an earlier challenge got.
    let mut first = site.dial().await;
    let challenge = site.claim(&mut first, "alice").await.unwrap();
    let text = format!("astrid-principal-auth:v1:alice:{challenge}");
    let old =
        hex::encode(ed25519_dalek::Signer::sign(&crate::client::key_of("alice"), text.as_bytes()).to_bytes());
    for signature in [None, Some("00".to_owned()), Some("zz".repeat(64)), Some(old)] {
        let mut client = site.dial().await;
        assert_ne!(site.claim(&mut client, "alice").await.unwrap(), challenge);
        let answer = client.ask(&json!({"protocol_version": 1, "signature": signature})).await.unwrap();
        assert_eq!(answer["reason"], "authentication failed");
    }
    assert!(store.net().poll_accept_unix(&listener, 0).await.unwrap().is_none());
}

// net case 35
#[tokio::test]
async fn a_handshake_frame_has_at_most_4096_bytes() {
    let site = site();
    let mut request = site.hello(None);
    let padding = 4096 - request.to_string().len() - r#","pad":"""#.len();
    request["pad"] = "x".repeat(padding).into();
    assert_eq!(request.to_string().len(), 4096);
    assert_eq!(site.dial().await.ask(&request).await.unwrap()["status"], "ok");
    request["pad"] = "x".repeat(padding + 1).into();
    assert!(site.dial().await.ask(&request).await.is_none());
}

// net case 35
#[tokio::test(start_paused = true)]
async fn silent_clients_are_dropped_after_five_seconds_and_hardly_delay_a_good_one() {
    let site = site();
    let mut silent = Vec::new();
    for _ in 0..31 {
        silent.push(site.dial().await);
    }
    let before = tokio::time::Instant::now();
    site.client().await;
    assert!(before.elapsed() < Duration::from_millis(100), "{:?}", before.elapsed());
    for _ in 0..29 {
        silent.push(site.dial().await);
    }
    let before = tokio::time::Instant::now();
    site.client().await;
    assert!(before.elapsed() <= Duration::from_millis(5_200), "{:?}", before.elapsed());
    assert!(silent[0].is_closed().await);
}

// net case 36
#[tokio::test(start_paused = true)]
async fn a_peer_of_another_user_is_closed_without_a_byte() {
    let site = site_for(Some(rustix::process::geteuid().as_raw() + 1));
    let mut client = site.dial().await;
    assert_eq!(client.0.read(&mut [0; 8]).await.unwrap(), 0);
}

// net case 37
#[tokio::test]
async fn bad_clients_never_end_a_wait() {
    let site = Arc::new(site());
    let (mut store, _) = at(&site);
    let listener = store.net().bind_unix().await.unwrap();
    let there = site.clone();
    let clients = async move {
        for _ in 0..3 {
            let mut bad = there.dial().await;
            bad.ask(&json!({"token": "no", "protocol_version": 1})).await;
        }
        there.client().await
    };
    let mut net = store.net();
    let (found, _good) = tokio::join!(net.poll_accept_unix(&listener, 10_000), clients);
    assert!(found.unwrap().is_some());
    site.dial().await.ask(&json!({"token": "no", "protocol_version": 1})).await;
    assert!(store.net().poll_accept_unix(&listener, 50).await.unwrap().is_none());
}

// net case 38
#[tokio::test]
async fn a_capsule_without_the_entry_gets_no_listener_and_one_with_it_any_number() {
    let site = site();
    let (mut store, _) = at(&site);
    let (one, two) = (store.net().bind_unix().await.unwrap(), store.net().bind_unix().await.unwrap());
    let _clients = (site.client().await, site.client().await);
    store.net().accept_unix(&one).await.unwrap();
    store.net().accept_unix(&two).await.unwrap();
    let mut denied = store_with(FakeHost::builder().deny(MAY_ACCEPT_UNIX, "*"), |net| net);
    let error = denied.net().bind_unix().await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Denied("policy"));
}

// net case 39
#[tokio::test]
async fn token_and_endpoint_are_this_users_alone_and_a_planted_symlink_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let (auth_one, token) = auth(dir.path());
    let mode = |path: &std::path::Path| std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir.path().join("system.token")), 0o600);
    assert!(token.len() == 64 && token.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    let (_, next) = auth(dir.path());
    assert_ne!(token, next);

    std::fs::create_dir(dir.path().join("c")).unwrap();
    let target = dir.path().join("precious");
    std::fs::write(&target, "kept").unwrap();
    let path = dir.path().join("c/x.sock");
    symlink(&target, &path).unwrap();
    let endpoint = UnixEndpoint::bind(&path, auth_one.clone()).unwrap();
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "kept");
    assert_eq!((mode(&path), mode(&dir.path().join("c"))), (0o600, 0o700));
    // A live socket there is an error, a dead one is replaced, and closing removes the file.
    assert!(UnixEndpoint::bind(&path, auth_one.clone()).is_err());
    drop(endpoint);
    assert!(!path.exists());
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    UnixEndpoint::bind(&path, auth_one).unwrap();
}

// net case 24
#[tokio::test]
async fn addresses_and_options_are_for_tcp_and_everything_else_works_on_a_local_stream() {
    let site = site();
    let (mut store, _) = at(&site);
    let listener = store.net().bind_unix().await.unwrap();
    let ready = store.net().subscribe_unix(&listener).unwrap();
    assert!(!store.io().ready(&ready).unwrap());
    let Client(mut peer) = site.client().await;
    store.io().block(&ready).await.unwrap();
    let stream = store.net().accept_unix(&listener).await.unwrap();
    assert!(!store.io().ready(&ready).unwrap());
    let mut net = store.net();
    let not_tcp = |error: Error| assert!(matches!(error, Error::NotTcp), "{error:?}");
    not_tcp(net.peer_addr(&stream).unwrap_err());
    not_tcp(net.local_addr(&stream).unwrap_err());
    not_tcp(net.nodelay(&stream).unwrap_err());
    not_tcp(net.set_nodelay(&stream, true).unwrap_err());
    not_tcp(net.set_read_timeout(&stream, Some(1)).unwrap_err());
    not_tcp(net.read_timeout(&stream).unwrap_err());
    not_tcp(net.set_write_timeout(&stream, Some(1)).unwrap_err());
    not_tcp(net.write_timeout(&stream).unwrap_err());
    not_tcp(net.set_hop_limit(&stream, 9).unwrap_err());
    not_tcp(net.hop_limit(&stream).unwrap_err());
    not_tcp(net.set_keepalive(&stream, None).unwrap_err());
    not_tcp(net.keepalive(&stream).unwrap_err());
    not_tcp(net.set_linger(&stream, None).unwrap_err());
    not_tcp(net.linger(&stream).unwrap_err());
    not_tcp(net.set_reuseaddr(&stream, true).unwrap_err());
    not_tcp(net.reuseaddr(&stream).unwrap_err());
    peer.write_all(b"bytes").await.unwrap();
    assert_eq!(net.peek(&stream, 9).await.unwrap(), b"bytes");
    assert_eq!(net.read_bytes(&stream, 9).await.unwrap(), b"bytes");
    net.write(&stream, b"x").await.unwrap();
    assert_eq!(peer.read_u32().await.unwrap(), 1);
    net.shutdown(&stream, std::net::Shutdown::Both).await.unwrap();
    assert_eq!(net.read_bytes(&stream, 9).await.unwrap(), b"");
}

#[tokio::test]
async fn the_end_of_an_endpoint_ends_waits_for_it() {
    let Site { endpoint, dir, .. } = site();
    let net = NetCtx::builder(airlock()).endpoint(endpoint.clone()).build();
    let mut store = Store { host: FakeHost::builder().build(), net, io: Default::default() };
    let listener = store.net().bind_unix().await.unwrap();
    let path = endpoint.path().to_owned();
    drop(endpoint);
    let token = store.host.cancellation();
    let unload = async {
        tokio::task::yield_now().await;
        token.cancel();
    };
    let mut net = store.net();
    let (ended, ()) = tokio::join!(net.accept_unix(&listener), unload);
    assert_eq!(ended.unwrap_err().outcome(), Outcome::Cancelled("cancelled"));
    drop(store);
    assert!(UnixStream::connect(path).await.is_err());
    drop(dir);
}

// net case 49
#[tokio::test]
async fn random_bytes_are_never_a_handshake() {
    let dir = tempfile::tempdir().unwrap();
    let (auth, token) = auth(dir.path());
    let mut seed = 7u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let honest = json!({"token": token, "protocol_version": 1, "client_version": "x"}).to_string();
    let whole = |body: &[u8], part: &str| body.windows(part.len()).any(|there| there == part.as_bytes());
    for _ in 0..20_000 {
        // Honest requests with bytes changed, cut or lengthened, and noise.
        let mut body = honest.clone().into_bytes();
        let at = next() % 80 + 1;
        match next() % 3 {
            0 => body[at] = body[at].wrapping_add(next() as u8 | 1),
            1 => body.truncate(at),
            _ => body = (0..next() % 64).map(|_| next() as u8).collect(),
        }
        let harmless =
            whole(&body, &format!(r#""token":"{token}""#)) && whole(&body, r#""protocol_version":1"#);
        let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(body);
        let (mut client, mut host) = tokio::io::duplex(16 * 1024);
        client.write_all(&bytes).await.unwrap();
        client.shutdown().await.unwrap();
        assert!(harmless || auth.handshake(&mut host).await.is_err());
    }
}
