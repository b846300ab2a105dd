//! Gate, airlock, TLS, secrets and records.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use astrid_airlock::{LocalEgress, Refused, Scripted};
use astrid_host_context::{Outcome, Refusal, Scope};
use astrid_host_http::{Error, HttpSettings, HttpView, MAY_REQUEST, Options, SecretAnswer, Secrets};
use astrid_host_testkit::FakeHost;
use tokio::io::AsyncWriteExt;
use zeroize::Zeroizing;

use crate::common::server::{Manual, Server, answer, gone};
use crate::common::*;

fn world(rules: LocalEgress, dns: Scripted) -> World {
    World::with(rules, dns, HttpSettings::default(), None)
}

fn rejected<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Airlock(Refused::Blocked { .. })))
}

// http case 3
#[tokio::test]
async fn a_denied_host_sees_nothing_and_leaves_one_denied_record() {
    let server = Server::start(|_| answer(200, &[], b"")).await;
    let mut store = World::new().store(FakeHost::builder().deny(MAY_REQUEST, "*"));
    let error = store.http().request(get(server.url("/?token=t")), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::Refused(Refusal::Denied(_))));
    let records = store.fake.recorder().audited();
    assert!(matches!(&records[..], [one] if one.outcome == Outcome::Denied("policy")));
    assert_eq!(records[0].target.as_deref(), Some(&*format!("127.0.0.1:{}", server.port)));
    assert_eq!(server.connections(), 0);
}

// http case 8
#[tokio::test]
async fn no_spelling_of_this_machine_passes_without_opt_in() {
    let server = Server::start(|_| answer(200, &[], b"")).await;
    let local = || ["127.0.0.1".parse().unwrap()];
    let mut store = world(LocalEgress::new(), Scripted::new().answer("localhost", local())).alice();
    let p = server.port;
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "localhost",
        "0177.0.0.1",
        "127.1",
        "user@127.0.0.1",
        "example.com@127.0.0.1",
        "[::127.0.0.1]",
        "0",
        "[64:ff9b::7f00:1]",
    ] {
        let result = store.http().request(get(format!("http://{host}:{p}/")), &plain()).await;
        assert!(rejected(&result), "{host}: {result:?}");
    }
    assert!(rejected(&store.http().request(get("http://169.254.169.254/"), &plain()).await));
    assert_eq!(server.connections(), 0);
}

// http case 9
#[tokio::test]
async fn a_name_is_asked_once_and_judged_by_what_it_answers() {
    let server = Server::start(|_| answer(200, &[], b"ok")).await;
    let dns = Scripted::new()
        .answer("inner.test", ["10.0.0.1".parse().unwrap()])
        .answer("rebind.test", ["127.0.0.1".parse().unwrap()])
        .answer("rebind.test", ["169.254.169.254".parse().unwrap()]);
    let rules = rules(&[("fake", format!("rebind.test:{}", server.port))]);
    let mut store = world(rules, dns).alice();
    assert!(rejected(&store.http().request(get("http://inner.test/"), &plain()).await));
    let unknown = store.http().request(get("http://unknown.test/"), &plain()).await;
    assert!(matches!(unknown, Err(Error::Airlock(Refused::Unresolvable(_)))));
    let url = format!("http://rebind.test:{}/", server.port);
    assert_eq!(store.http().request(get(&url), &plain()).await.unwrap().body, b"ok");
    // The judged connection serves again; the rebound name is not asked for.
    assert_eq!(store.http().request(get(&url), &plain()).await.unwrap().body, b"ok");
}

// http case 10
#[tokio::test]
async fn an_opt_in_is_one_capsules_and_ends_when_it_is_removed() {
    let server = Server::start(|_| answer(200, &[], b"")).await;
    let other = Server::start(|_| answer(200, &[], b"")).await;
    let world = world(rules(&[("fake", format!("127.0.0.1:{}", server.port))]), Scripted::new());
    let mut store = world.alice();
    store.http().request(get(server.url("/")), &plain()).await.unwrap();
    assert!(rejected(&store.http().request(get(other.url("/")), &plain()).await));
    let mut neighbour = world.store(FakeHost::builder().capsule("neighbour"));
    assert!(rejected(&neighbour.http().request(get(server.url("/")), &plain()).await));
    world.airlock.replace_rules(LocalEgress::new());
    assert!(rejected(&store.http().request(get(server.url("/")), &plain()).await));
    assert_eq!(server.requests().len(), 1);
}

// http case 10
#[tokio::test]
async fn removing_an_opt_in_ends_bodies_and_waiting_connections_within_a_second() {
    let mut server = Manual::start().await;
    let world = world(rules(&[("fake", format!("127.0.0.1:{}", server.port))]), Scripted::new());
    let mut store = world.alice();
    let url = server.url("/");
    let part = b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nabc";
    let (stream, mut streaming) = tokio::join!(
        async { store.http().stream_start(get(&url), &plain()).await.unwrap() },
        server.say(part)
    );
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), "abc");
    let whole = b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nok";
    let mut other = world.alice();
    let (response, mut idle) =
        tokio::join!(async { other.http().request(get(&url), &plain()).await.unwrap() }, server.say(whole));
    assert_eq!(response.body, b"ok");

    // Other entries coming and going leave it alone.
    let both = [("fake", format!("127.0.0.1:{}", server.port)), ("fake", "127.0.0.1:1".to_owned())];
    world.airlock.replace_rules(rules(&both));
    streaming.write_all(b"def").await.unwrap();
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), "def");

    world.airlock.replace_rules(rules(&both[1..]));
    // The case's second is for a machine that does nothing else; nothing but the rule's end would end these.
    let patience = std::time::Duration::from_secs(30);
    let ended = tokio::time::timeout(patience, async {
        // The guest hears of it while it waits, and both peers see the end.
        let read = store.http().read_chunk(&stream).await;
        assert!(matches!(read, Err(Error::Connection(_))), "{read:?}");
        assert!(matches!(store.http().read_chunk(&stream).await, Err(Error::Closed)));
        assert!(gone(&mut streaming).await && gone(&mut idle).await);
    });
    ended.await.unwrap();
}

// http case 44
#[tokio::test]
async fn proxy_variables_and_key_logs_of_the_environment_have_no_effect() {
    const TARGET: &str = "ASTRID_TEST_PROXY_TARGET";
    if let Ok(target) = std::env::var(TARGET) {
        // The child: variables are read from a real environment, which no test may change for others.
        let response = World::new().alice().http().request(get(target), &plain()).await.unwrap();
        assert_eq!(response.body, b"direct");
        let identity = tls::identity("localhost", false);
        let dns = Scripted::new().answer("localhost", ["127.0.0.1".parse().unwrap()]);
        let secure = World::with(open_rules(), dns, HttpSettings::default(), Some(&identity.pem));
        let server = tls::serve(identity, false).await;
        let url = format!("https://localhost:{}/", server.port);
        secure.alice().http().request(get(url), &plain()).await.unwrap();
        return;
    }
    let proxy = Server::start(|_| answer(200, &[], b"proxied")).await;
    let server = Server::start(|_| answer(200, &[], b"direct")).await;
    let keys = std::env::temp_dir().join(format!("astrid-keylog-{}", std::process::id()));
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "safety::proxy_variables_and_key_logs_of_the_environment_have_no_effect"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, proxy.url("/"));
    }
    let ran = child.env("SSLKEYLOGFILE", &keys).env(TARGET, server.url("/")).output().await.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!((proxy.connections(), server.requests().len()), (0, 1));
    assert!(!keys.exists());
}

// http case 50
#[tokio::test]
async fn a_response_framed_in_two_ways_is_refused_or_ends_its_connection() {
    const UNTIL_THE_END: &str = "chunked not last";
    let smuggled = "HTTP/1.1 200 X\r\ncontent-length: 4\r\n\r\nevil";
    for (name, head) in [
        ("length and chunks", "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        ("chunks and length", "transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        ("two lengths", "content-length: 3\r\ncontent-length: 4\r\n\r\nabc"),
        ("a list of lengths", "content-length: 3, 4\r\n\r\nabc"),
        ("a negative length", "content-length: -3\r\n\r\nabc"),
        ("a signed length", "content-length: +3\r\n\r\nabc"),
        ("a zero byte", "x: a\0b\r\ncontent-length: 3\r\n\r\nabc"),
        ("a bare carriage return", "x: a\rcontent-length: 3\r\n\r\nabc"),
        ("a blank before the colon", "content-length : 3\r\n\r\nabc"),
        ("a folded line", "x: a\r\n content-length: 3\r\n\r\nabc"),
        ("chunked twice", "transfer-encoding: chunked, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        (UNTIL_THE_END, "transfer-encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        ("a chunk size that overflows", "transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc"),
    ] {
        let bytes = format!("HTTP/1.1 200 X\r\n{head}{smuggled}");
        let server = Server::start(move |seen| match seen.path() {
            "/next" => answer(200, &[], b"next"),
            // Without a length that counts, the body ends with the connection.
            _ if name == UNTIL_THE_END => [b"!", bytes.as_bytes()].concat(),
            _ => bytes.clone().into_bytes(),
        })
        .await;
        let mut store = World::new().alice();
        match store.http().request(get(server.url("/")), &plain()).await {
            Err(Error::Protocol(_) | Error::Connection(_)) => {}
            Ok(response) if name == UNTIL_THE_END => assert!(response.body.ends_with(b"evil"), "{name}"),
            Ok(response) => assert_eq!(response.body, b"abc", "{name}"),
            Err(other) => panic!("{name}: {other:?}"),
        }
        let next = store.http().request(get(server.url("/next")), &plain()).await.unwrap();
        assert_eq!(next.body, b"next", "{name}");
        assert_eq!(server.connections(), 2, "{name}: the connection served again");
    }
}

// http case 11
#[tokio::test]
async fn certificates_are_checked_and_an_extra_root_is_trusted() {
    let good = tls::identity("localhost", false);
    let pem = good.pem.clone();
    let dns = || Scripted::new().answer("localhost", ["127.0.0.1".parse().unwrap()]);
    let trusting = World::with(open_rules(), dns(), HttpSettings::default(), Some(&pem));
    let server = tls::serve(good, false).await;
    let url = format!("https://localhost:{}/", server.port);
    let response = trusting.alice().http().request(get(&url), &plain()).await.unwrap();
    assert_eq!(response.body, b"HTTP/1.1");

    let strange = World::new().alice().http().request(get(&url), &plain()).await;
    assert!(matches!(strange, Err(Error::Tls(_))), "{strange:?}");
    for identity in [tls::identity("other.test", false), tls::identity("localhost", true)] {
        let world = World::with(open_rules(), dns(), HttpSettings::default(), Some(&identity.pem));
        let server = tls::serve(identity, false).await;
        let url = format!("https://localhost:{}/", server.port);
        let result = world.alice().http().request(get(url), &plain()).await;
        assert!(matches!(result, Err(Error::Tls(_))), "{result:?}");
    }
    let plain_server = Server::start(|_| b"!HTTP/1.1 400 X\r\n\r\n".to_vec()).await;
    let url = format!("https://localhost:{}/", plain_server.port);
    let result = trusting
        .alice()
        .http()
        .request(
            get(url),
            &Options {
                timeouts: astrid_host_http::Timeouts { connect_ms: Some(300), ..Default::default() },
                ..plain()
            },
        )
        .await;
    assert!(matches!(result, Err(Error::Tls(_) | Error::Timeout(_))), "{result:?}");
}

// http case 45
#[tokio::test]
async fn a_hundred_parallel_requests_share_one_http2_connection() {
    let identity = tls::identity("localhost", false);
    let dns = Scripted::new().answer("localhost", ["127.0.0.1".parse().unwrap()]);
    let world = World::with(open_rules(), dns, HttpSettings::default(), Some(&identity.pem));
    let server = tls::serve(identity, true).await;
    let url = format!("https://localhost:{}/", server.port);
    let requests = (0..100).map(|_| {
        let (mut store, url) = (world.alice(), url.clone());
        tokio::spawn(async move { store.http().request(get(url), &plain()).await.unwrap().body })
    });
    let requests: Vec<_> = requests.collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), b"HTTP/2.0");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

struct Vault(HashMap<&'static str, &'static str>);

impl Secrets for Vault {
    fn declares(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn get<'a>(&'a self, scope: &'a Scope, name: &'a str) -> SecretAnswer<'a> {
        assert_eq!(scope.principal.as_ref().unwrap().as_str(), "alice");
        let value = self.0[name];
        Box::pin(std::future::ready(Ok(Some(Zeroizing::new(value.to_owned())))))
    }
}

// http cases 42 and 47
#[tokio::test]
async fn a_secret_is_filled_in_on_the_wire_and_nowhere_else() {
    let server = Server::start(|_| answer(200, &[], b"ok")).await;
    let vault =
        Arc::new(Vault(HashMap::from([("api_key", " s3cr3t-value "), ("blank", " "), ("bad", "a\nb")])));
    let mut store = World::new().store_with_secrets(vault);
    let fields = [("authorization", "Bearer {{secret:api_key}}"), ("x-blank", "{{secret:blank}}")];
    let request = with_headers(post(server.url("/p?q=s3cr3t-value"), b"{{secret:api_key}}"), &fields);
    store.http().request(request, &plain()).await.unwrap();
    let seen = &server.requests()[0];
    assert_eq!(seen.one("authorization").unwrap(), "Bearer s3cr3t-value");
    assert!(seen.one("x-blank").is_none());
    assert_eq!(seen.body, b"{{secret:api_key}}");
    let records = store.fake.recorder().audited();
    let text = format!("{records:?}");
    assert!(!text.contains("s3cr3t") && text.contains("api_key"), "{text}");
    let functions: Vec<_> = records.iter().map(|r| r.op.function).collect();
    assert_eq!(functions, ["wire-request", "wire-response", "http-request"]);

    for (value, denied) in [
        ("{{secret:other}}", true),
        ("{{secret:", false),
        ("{{secret:}}", false),
        ("{{secret:a b}}", false),
        ("{{secret:bad}}", false),
    ] {
        let request = with_headers(get(server.url("/")), &[("x", value)]);
        let error = store.http().request(request, &plain()).await.unwrap_err();
        let matched = match error {
            Error::UndeclaredSecret(_) => denied,
            Error::Invalid(_) => !denied,
            _ => false,
        };
        assert!(matched, "{value}");
    }
    assert_eq!(server.requests().len(), 1);
}

// http case 47, security-gate case 29
#[tokio::test]
async fn each_hop_leaves_a_pair_of_records_and_a_refusing_sink_lets_nothing_out() {
    let server = Server::start(|seen| match seen.path() {
        "/a" => answer(302, &[("location", "/b")], b""),
        _ => answer(200, &[], b"four"),
    })
    .await;
    let mut store = World::new().alice();
    store.http().request(get(server.url("/a")), &plain()).await.unwrap();
    let records = store.fake.recorder().audited();
    let told: Vec<_> =
        records.iter().map(|r| (r.op.function, r.bytes, r.facts[1].1.as_str())).take(4).collect();
    assert_eq!(
        told,
        [
            ("wire-request", 0, "0"),
            ("wire-response", 0, "0"),
            ("wire-request", 0, "1"),
            ("wire-response", 4, "1")
        ]
    );
    assert!(records[3].facts.contains(&("status", "200".to_owned())));
    store.fake.recorder().refuse_records(true);
    let error = store.http().request(get(server.url("/b")), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::Refused(Refusal::AuditUnavailable)));
    assert_eq!(server.requests().len(), 2);
}

// http case 47
#[tokio::test]
async fn the_first_record_is_there_before_the_first_byte_and_a_crash_would_leave_it_alone() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let recorder = store.fake.recorder().clone();
    let functions = move || recorder.audited().iter().map(|r| r.op.function).collect::<Vec<_>>();
    let url = server.url("/p?password=hunter2");
    let request = with_headers(post(url, b"letter"), &[("cookie", "crumb"), ("x-note", "plain")]);
    let fake = store.fake.recorder().clone();
    let (answered, ()) = tokio::join!(async { store.http().request(request, &plain()).await }, async {
        // Headers are here and the answer is not: what a crash now would leave is one open exchange.
        let mut stream = server.say(b"").await;
        assert_eq!(functions(), ["wire-request"]);
        stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 6\r\n\r\nanswer").await.unwrap();
    });
    assert_eq!(answered.unwrap().body, b"answer");
    assert_eq!(functions(), ["wire-request", "wire-response", "http-request"]);
    let text = format!("{:?}", fake.audited());
    for hidden in ["hunter2", "letter", "crumb", "answer", "plain"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
}

// http case 42
#[tokio::test]
async fn the_record_of_a_secret_is_that_of_its_placeholder() {
    let server = Server::start(|_| answer(200, &[], b"")).await;
    let mut hashes = Vec::new();
    for value in ["one", "another"] {
        let vault = Arc::new(Vault(HashMap::from([("api_key", value)])));
        let mut store = World::new().store_with_secrets(vault);
        let request = with_headers(get(server.url("/")), &[("x-signed", "{{secret:api_key}}")]);
        store.http().request(request, &plain()).await.unwrap();
        assert_eq!(server.requests().pop().unwrap().one("x-signed").unwrap(), value);
        let records = store.fake.recorder().audited();
        hashes.push(records[0].facts.clone());
    }
    assert!(hashes[0].iter().any(|(name, _)| name.contains("header")), "{hashes:?}");
    assert_eq!(hashes[0], hashes[1], "a record tells nothing of the value, not even that it changed");
}

// http case 4
#[tokio::test]
async fn https_only_refuses_plain_http_before_anything_is_sent() {
    let server = Server::start(|_| answer(200, &[], b"")).await;
    let only = Options { https_only: Some(true), ..Options::default() };
    let error = World::new().alice().http().request(get(server.url("/")), &only).await.unwrap_err();
    assert!(matches!(error, Error::Scheme));
    assert_eq!(server.connections(), 0);
}
