//! Servers that speak old or doubtful protocols, and a process that dies in the middle.

use std::sync::Arc;

use astrid_airlock::{Airlock, Scripted};
use astrid_host_context::{
    Budgets, CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, JsonLines,
};
use astrid_host_http::{Error, HttpClient, HttpCtx, HttpCtxView, HttpSettings, HttpView, Timeouts};
use astrid_host_testkit::AllowAll;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasmtime::component::ResourceTable;

use crate::common::server::{Manual, Server, answer};
use crate::common::*;

/// A hello of a server that knows nothing above TLS 1.1: version, random, no session,
/// TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
fn tls_1_1_hello() -> Vec<u8> {
    let mut hello = vec![3, 2];
    hello.extend_from_slice(&[7; 32]);
    hello.extend_from_slice(&[0, 0x00, 0x2f, 0]);
    let mut handshake = vec![2, 0, 0, u8::try_from(hello.len()).unwrap()];
    handshake.extend_from_slice(&hello);
    let mut record = vec![22, 3, 2, 0, u8::try_from(handshake.len()).unwrap()];
    record.extend_from_slice(&handshake);
    record
}

// http case 11
#[tokio::test]
async fn a_server_that_speaks_tls_1_1_at_most_is_a_tls_error() {
    // It answers in its version, or turns the client's away by an alert: protocol_version.
    for answer in [tls_1_1_hello(), vec![21, 3, 2, 0, 2, 2, 70]] {
        let mut server = Manual::start().await;
        let url = format!("https://localhost:{}/", server.port);
        let serve = tokio::spawn(async move {
            let mut stream = server.accept().await;
            let mut header = [0; 5];
            stream.read_exact(&mut header).await.unwrap();
            assert_eq!(header[0], 22, "a handshake record");
            let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
            stream.read_exact(&mut hello).await.unwrap();
            stream.write_all(&answer).await.unwrap();
            // What the client says to that, until it goes.
            let mut said = Vec::new();
            let _ = stream.read_to_end(&mut said).await;
            said
        });
        let result = World::new().alice().http().request(get(url), &plain()).await;
        assert!(matches!(result, Err(Error::Tls(_))), "{result:?}");
        let said = serve.await.unwrap();
        assert!(said.is_empty() || said[0] == 21, "nothing but an alert: {said:?}");
    }
}

// http case 50
#[tokio::test]
async fn bare_line_feeds_are_refused_or_read_and_their_connection_serves_nobody_else() {
    for head in [
        "HTTP/1.1 200 X\ncontent-length: 3\n\n",
        "HTTP/1.1 200 X\r\ncontent-length: 3\n\r\n",
        "HTTP/1.1 200 X\r\ncontent-length: 3\r\n\n",
        "HTTP/1.1 200 X\r\nx: a\ncontent-length: 3\r\n\r\n",
    ] {
        let bytes = format!("{head}abc");
        let server = Server::start(move |seen| match seen.path() {
            "/next" => answer(200, &[], b"next"),
            _ => bytes.clone().into_bytes(),
        })
        .await;
        let mut store = World::new().alice();
        match store.http().request(get(server.url("/")), &plain()).await {
            Err(Error::Protocol(_)) => {}
            Ok(response) => assert_eq!(response.body, b"abc", "{head:?}"),
            Err(other) => panic!("{head:?}: {other:?}"),
        }
        let next = store.http().request(get(server.url("/next")), &plain()).await.unwrap();
        assert_eq!((&next.body[..], server.connections()), (&b"next"[..], 2), "{head:?}");
    }
}

// http case 53
#[tokio::test]
async fn random_locations_lead_nowhere_that_is_not_allowed() {
    let trap = Server::start(|_| answer(200, &[], b"caught")).await;
    let pieces: Vec<String> = [
        "http://",
        "https://",
        "//",
        "/",
        "\\",
        "127.0.0.1",
        "localhost",
        "[::1]",
        "2130706433",
        "0x7f.1",
        "@",
        "u:p",
        ":",
        "#",
        "?",
        "%2f",
        "%00",
        "..",
        "é",
        " ",
        "ftp://",
        "javascript:",
        "[",
        "]",
        "x.test",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([trap.port.to_string(), format!("127.0.0.1:{}", trap.port), format!("localhost:{}", trap.port)])
    .collect();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 11).unwrap() % below
    };
    let rounds = if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 200_000 } else { 1000 };
    let locations: Vec<String> =
        (0..rounds).map(|_| (0..=random(5)).map(|_| &*pieces[random(pieces.len())]).collect()).collect();
    let given = locations.clone();
    let server = Server::start(move |seen| match seen.path().strip_prefix("/r/") {
        Some(at) => {
            let mut out = b"HTTP/1.1 302 X\r\ncontent-length: 0\r\nlocation: ".to_vec();
            out.extend_from_slice(given[at.parse::<usize>().unwrap()].as_bytes());
            out.extend_from_slice(b"\r\n\r\n");
            out
        }
        None => answer(200, &[], b"home"),
    })
    .await;
    // The trap is reachable for the operator's rules' sake: no redirect may enter it.
    let rules = rules(&[
        ("fake", format!("127.0.0.1:{}", server.port)),
        ("fake", format!("127.0.0.1:{}", trap.port)),
        ("fake", format!("localhost:{}", trap.port)),
    ]);
    let dns = Scripted::new().answer("localhost", ["127.0.0.1".parse().unwrap()]);
    let world = World::with(rules, dns, HttpSettings::default(), None);
    let limits =
        astrid_host_testkit::FakeHost::builder().limit(&astrid_host_http::limits::REQUESTS, 10_000_000);
    let mut store = world.store(limits);
    let options = astrid_host_http::Options {
        timeouts: Timeouts { total_ms: Some(60_000), ..Timeouts::default() },
        ..plain()
    };
    for (at, location) in locations.iter().enumerate() {
        match store.http().request(get(server.url(&format!("/r/{at}"))), &options).await {
            Ok(response) => assert!([200, 302].contains(&response.status), "{location:?}"),
            Err(Error::Timeout(_)) => panic!("{location:?} hangs"),
            Err(_) => {}
        }
        if at % 1000 == 0 {
            store.fake.recorder().clear();
            server.forget();
        }
    }
    assert_eq!(trap.connections(), 0);
}

/// A store whose records go to a file.
struct Recorded {
    call: CallSlot,
    services: HostServices,
    table: ResourceTable,
    http: HttpCtx,
}

impl HostContext for Recorded {
    fn host(&mut self) -> HostCx<'_> {
        HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
    }
}

impl HttpView for Recorded {
    fn http(&mut self) -> HttpCtxView<'_> {
        let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
        HttpCtxView { ctx: &mut self.http, host }
    }
}

// http case 47
#[tokio::test]
async fn a_crash_between_request_and_answer_leaves_the_first_record_in_the_file() {
    const TARGET: &str = "ASTRID_TEST_CRASH_TARGET";
    const LOG: &str = "ASTRID_TEST_CRASH_LOG";
    if let (Ok(target), Ok(log)) = (std::env::var(TARGET), std::env::var(LOG)) {
        // The child, which is killed while it waits.
        let sink = Arc::new(JsonLines::open(log, 1 << 20, 1).unwrap());
        let airlock = Arc::new(Airlock::builder().rules(open_rules()).build());
        let client = HttpClient::builder(airlock).build().unwrap();
        let mut store = Recorded {
            call: CallSlot::new(CallContext::builder(CapsuleId::parse("fake").unwrap()).build()),
            services: HostServices::new(Arc::new(AllowAll), Arc::new(Budgets::new()), sink),
            table: ResourceTable::new(),
            http: HttpCtx::builder(client).build(),
        };
        let _ = store.http().request(get(target), &plain()).await;
        return;
    }
    let log = std::env::temp_dir().join(format!("astrid-crash-{}", std::process::id()));
    for _ in 0..5 {
        let _ = std::fs::remove_file(&log);
        let mut server = Manual::start().await;
        let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
        child.args([
            "--exact",
            "hostile::a_crash_between_request_and_answer_leaves_the_first_record_in_the_file",
        ]);
        child.env(TARGET, server.url("/p")).env(LOG, &log).stdout(std::process::Stdio::null());
        let mut child = child.kill_on_drop(true).spawn().unwrap();
        // As soon as the first byte is here, the process is no more.
        let stream = server.accept().await;
        stream.readable().await.unwrap();
        child.kill().await.unwrap();
        let records = std::fs::read_to_string(&log).unwrap();
        assert_eq!(records.matches("\"wire-request\"").count(), 1, "{records}");
        assert!(!records.contains("wire-response"), "{records}");
    }
    std::fs::remove_file(&log).unwrap();
}
