//! What a principal holds open ends when it is disabled, whoever the capsule serves at that moment.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Place, guest};
use astrid_capsule::{Readiness, Runtime};
use astrid_event_bus::Observer;
use http_body_util::channel::Channel;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const PATIENCE: Duration = Duration::from_secs(30);

/// A server whose answers go on until somebody hangs up; says for which path that was.
async fn endless() -> (SocketAddr, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ended, endings) = unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let ended = ended.clone();
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let (ended, path) = (ended.clone(), request.uri().path().to_owned());
                async move {
                    let (mut body, channel) = Channel::<Bytes, Infallible>::new(1);
                    tokio::spawn(async move {
                        while body.send_data(Bytes::from_static(b"more\n")).await.is_ok() {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                        let _ = ended.send(path);
                    });
                    Ok::<_, Infallible>(Response::new(channel))
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (address, endings)
}

async fn streamer(place: &Place, address: SocketAddr) -> Runtime {
    for who in ["alice", "bob"] {
        place.profile(who, "");
    }
    let mut rules = astrid_capsule::LocalEgress::new();
    rules.allow(&"looper".parse().unwrap(), &address.to_string()).unwrap();
    let builder = place.builder(|config| {
        config.system_resident.insert("looper".to_owned());
    });
    let runtime = builder.allow_local(rules).build().await.unwrap();
    let manifest = "capabilities = { net = [\"127.0.0.1\"] }\n[env.mode]\ndefault = \"stream\"\n[publish]\n\"looper.v1.answer\" = \"opaque\"\n[subscribe]\n\"looper.v1.ask\" = \"opaque\"\n";
    let capsule = runtime.load(place.capsule("looper", &guest("looper"), manifest)).await.unwrap();
    assert_eq!(capsule.wait_ready(PATIENCE).await, Readiness::Ready);
    runtime
}

async fn say(runtime: &Runtime, answers: &mut Observer, who: &str, what: Value) -> Value {
    runtime.publish("looper.v1.ask", what.to_string(), Some(who)).await.unwrap();
    serde_json::from_slice(answers.recv().await.unwrap().payload().bytes()).unwrap()
}

// principals §4 and §6
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_principals_http_streams_close_though_nobody_reads_them_and_nobody_elses_do() {
    let place = Place::new();
    let (address, mut endings) = endless().await;
    let runtime = streamer(&place, address).await;
    let mut answers = runtime.observe("looper.v1.answer").unwrap();
    for (number, who) in ["alice", "bob", "alice", "bob"].into_iter().enumerate() {
        let url = format!("http://{address}/{who}/{number}");
        let said = say(&runtime, &mut answers, who, json!({ "url": url })).await;
        assert_eq!((&said["stream"], said["bytes"].as_u64().is_some_and(|n| n > 0)), (&json!(number), true));
    }
    place.profile("alice", "enabled = false\n");
    assert!(runtime.principal_changed("alice").await.unwrap().is_err());
    // Nothing else would ever end them: the server goes on, and nobody reads.
    let mut closed = Vec::new();
    while closed.len() < 2 {
        closed.push(tokio::time::timeout(PATIENCE, endings.recv()).await.unwrap().unwrap());
    }
    closed.sort();
    assert_eq!(closed, ["/alice/0", "/alice/2"]);
    let on = say(&runtime, &mut answers, "bob", json!({ "read": 3 })).await;
    assert!(on["bytes"].as_u64().is_some_and(|n| n > 0), "{on}");
    // Whoever has the handle is told, and gets nothing that had come before either.
    let over = say(&runtime, &mut answers, "bob", json!({ "read": 0 })).await;
    assert!(over["err"].as_str().is_some_and(|text| text.contains("Closed")), "{over}");
    assert!(endings.try_recv().is_err());
    runtime.shutdown().await;
}

// principals §6: the tokens of calls do not reach a stream whose call is long over
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_from_a_call_that_is_over_and_forgotten_is_closed_all_the_same() {
    let place = Place::new();
    let (address, mut endings) = endless().await;
    let runtime = streamer(&place, address).await;
    let mut answers = runtime.observe("looper.v1.answer").unwrap();
    say(&runtime, &mut answers, "alice", json!({ "url": format!("http://{address}/alice") })).await;
    // More principals than tokens are kept for.
    for n in 0..300 {
        let said = say(&runtime, &mut answers, &format!("p{n}"), json!({ "read": 99 })).await;
        assert_eq!(said["err"], "no such stream");
    }
    runtime.remove_principal("alice").await.unwrap();
    assert_eq!(endings.recv().await.unwrap(), "/alice");
    runtime.shutdown().await;
}

// principals §6, http §2: a reader in the middle of a wait hears of it
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_waits_is_told_that_the_stream_is_closed() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let runtime = Arc::new(streamer(&place, address).await);
    let mut answers = runtime.observe("looper.v1.answer").unwrap();
    let silent = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        let _ = stream.read(&mut head).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await.unwrap();
        // Nothing more is said; the other end hangs up.
        while stream.read(&mut head).await.is_ok_and(|n| n > 0) {}
    });
    let url = json!({ "url": format!("http://{address}/") });
    runtime.publish("looper.v1.ask", url.to_string(), Some("alice")).await.unwrap();
    let open = async {
        while runtime.open_http_streams() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, open).await.unwrap();
    runtime.remove_principal("alice").await.unwrap();
    tokio::time::timeout(PATIENCE, silent).await.unwrap().unwrap();
    // The loop goes on; what it says about alice's stream has nobody's authority any more.
    let next = say(&runtime, &mut answers, "bob", json!({ "read": 99 })).await;
    assert!(next["err"].is_string(), "{next}");
    runtime.shutdown().await;
}
