//! Gate, airlock, TLS, secrets and records.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use astrid_airlock::{LocalEgress, Refused, Scripted};
use astrid_host_context::{Outcome, Refusal, Scope};
use astrid_host_http::{Error, HttpSettings, HttpView, MAY_REQUEST, Options, SecretAnswer, Secrets};
use astrid_host_testkit::FakeHost;
use zeroize::Zeroizing;

use crate::common::server::{Server, answer};
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

// http case 47
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

// http case 4
#[tokio::test]
async fn https_only_refuses_plain_http_before_anything_is_sent() {
    let server = Server::start(|_| answer(200, &[], b"")).await;
    let only = Options { https_only: Some(true), ..Options::default() };
    let error = World::new().alice().http().request(get(server.url("/")), &only).await.unwrap_err();
    assert!(matches!(error, Error::Scheme));
    assert_eq!(server.connections(), 0);
}
