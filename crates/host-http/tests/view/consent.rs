//! Asking about local addresses that no rule admits.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use astrid_airlock::{LocalEgress, Refused, Scripted};
use astrid_host_context::{Attribution, Caller, Provenance, Trail, Transport, Uuid};
use astrid_host_http::{Consent, Consenting, Error, HttpCtx, HttpSettings, HttpView, Wish};
use astrid_host_testkit::FakeHost;
use parking_lot::Mutex;

use crate::common::server::{Server, answer};
use crate::common::*;

/// Answers from a list, then never.
#[derive(Default)]
struct Person {
    answers: Mutex<Vec<bool>>,
    asked: Mutex<Vec<String>>,
}

impl Consent for Person {
    fn ask<'a>(&'a self, wish: Wish<'a>) -> Consenting<'a> {
        let who = wish.call.principal().unwrap();
        self.asked.lock().push(format!("{who} {}:{}", wish.host, wish.port));
        let answer = self.answers.lock().pop();
        Box::pin(async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}

fn from(transport: Transport, owner: Option<Uuid>) -> Caller {
    let attribution = Attribution::Verified("alice".parse().unwrap());
    let provenance = Provenance { transport, request_owner: owner, ..Provenance::of(attribution) };
    Caller { provenance, source: Uuid::nil(), at: SystemTime::UNIX_EPOCH, trail: Trail::default() }
}

/// A store that nothing is admitted to, and whom it asks.
fn store(caller: Option<Caller>, answers: &[bool]) -> (Store, Arc<Person>) {
    let answers: Vec<_> = answers.iter().rev().copied().collect();
    let person = Arc::new(Person { answers: Mutex::new(answers), ..Person::default() });
    let world = World::with(LocalEgress::new(), Scripted::new(), HttpSettings::default(), None);
    let fake = FakeHost::builder();
    let mut store = world.store(match caller {
        Some(caller) => fake.caller(caller),
        None => fake,
    });
    store.http = HttpCtx::builder(world.client).consent(person.clone()).build();
    (store, person)
}

fn rejected<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Airlock(Refused::Blocked { .. })))
}

fn local() -> Caller {
    from(Transport::LocalSocket, Some(Uuid::from_u128(1)))
}

// http case 52
#[tokio::test]
async fn consent_lets_one_request_pass_with_its_redirects_at_home_and_the_next_one_asks_again() {
    let server = Server::start(|seen| match seen.path() {
        "/home" => answer(302, &[("location", "/end")], b""),
        _ => answer(200, &[], b"ok"),
    })
    .await;
    let (mut store, person) = store(Some(local()), &[true, true, false]);
    assert_eq!(store.http().request(get(server.url("/")), &plain()).await.unwrap().body, b"ok");
    let followed = store.http().request(get(server.url("/home")), &plain()).await.unwrap();
    assert_eq!((&followed.body[..], followed.meta.redirect_count), (&b"ok"[..], 1));
    assert!(rejected(&store.http().request(get(server.url("/")), &plain()).await));
    let one = format!("alice 127.0.0.1:{}", server.port);
    assert_eq!(*person.asked.lock(), [one.clone(), one.clone(), one]);
    assert_eq!(server.requests().len(), 3);
    let facts = store.fake.recorder().audited().into_iter().flat_map(|record| record.facts);
    assert_eq!(facts.filter(|fact| *fact == ("consent", "granted".to_owned())).count(), 2);
}

// http case 52
#[tokio::test]
async fn nobody_is_asked_for_a_request_from_elsewhere_for_a_name_or_for_what_nothing_lifts() {
    let server = Server::start(|_| answer(200, &[], b"")).await;
    for caller in [
        None,
        Some(from(Transport::System, Some(Uuid::from_u128(1)))),
        Some(from(Transport::RemoteGateway, Some(Uuid::from_u128(1)))),
        Some(from(Transport::LocalSocket, None)),
    ] {
        let (mut store, person) = store(caller, &[true]);
        assert!(rejected(&store.http().request(get(server.url("/")), &plain()).await));
        assert!(person.asked.lock().is_empty());
    }
    let (mut store, person) = store(Some(local()), &[true]);
    for host in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "[64:ff9b::7f00:1]"] {
        assert!(rejected(&store.http().request(get(format!("http://{host}/")), &plain()).await), "{host}");
    }
    let named = store.http().request(get("http://localhost/"), &plain()).await;
    assert!(matches!(named, Err(Error::Airlock(_))));
    assert!(person.asked.lock().is_empty());
    assert_eq!(server.connections(), 0);
}

// http case 52
#[tokio::test(start_paused = true)]
async fn who_is_silent_for_a_minute_refuses() {
    let (mut store, person) = store(Some(local()), &[]);
    let before = tokio::time::Instant::now();
    assert!(rejected(&store.http().request(get("http://127.0.0.1:9/"), &plain()).await));
    assert_eq!(before.elapsed().as_secs(), 60);
    assert_eq!(person.asked.lock().len(), 1);
    assert!(before.elapsed() < Duration::from_secs(61));
}

// http case 52
#[tokio::test]
async fn a_redirect_elsewhere_is_not_what_was_consented_to() {
    let other = Server::start(|_| answer(200, &[], b"other")).await;
    let target = other.url("/");
    let server = Server::start(move |_| answer(302, &[("location", &target)], b"")).await;
    let (mut store, person) = store(Some(local()), &[true, true]);
    assert_eq!(store.http().request(get(server.url("/")), &plain()).await.unwrap().status, 302);
    assert_eq!((other.connections(), person.asked.lock().len()), (0, 1));
}
