//! Servers that misbehave: a typed answer, nothing hangs, nothing leaks.

use std::time::Duration;

use astrid_host_http::{Error, HttpView, Options, Timeouts};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::common::server::{Manual, Server, answer};
use crate::common::*;

async fn outcome(answer: &'static [u8]) -> Result<Vec<u8>, Error> {
    let mut server = Manual::start().await;
    let url = server.url("/");
    let serve = tokio::spawn(async move { drop(server.say(answer).await) });
    let result = World::new().alice().http().request(get(url), &plain()).await;
    serve.await.unwrap();
    result.map(|response| response.body)
}

// http case 29
#[tokio::test]
async fn a_body_that_breaks_off_is_a_connection_error_and_never_an_end() {
    for broken in [
        &b"HTTP/1.1 200 X\r\ncontent-length: 10\r\n\r\nabc"[..],
        b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n",
        b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 X\r\ncontent-le",
        b"",
    ] {
        let result = outcome(broken).await;
        assert!(
            matches!(result, Err(Error::Connection(_))),
            "{}: {result:?}",
            String::from_utf8_lossy(broken)
        );
    }
}

// http case 50
#[tokio::test]
async fn what_is_framed_wrongly_is_a_protocol_error() {
    for broken in [
        &b"not http at all\r\n\r\n"[..],
        b"HTTP/1.1 200 X\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 X\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 X\r\nx: a\0b\r\n\r\n",
        b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc",
        b"HTTP/1.1 999999 X\r\n\r\n",
        b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ] {
        let result = outcome(broken).await;
        assert!(matches!(result, Err(Error::Protocol(_))), "{}: {result:?}", String::from_utf8_lossy(broken));
    }
}

// http case 50
#[tokio::test]
async fn a_response_framed_twice_is_read_by_chunks_and_its_connection_is_not_used_again() {
    let server = Server::start(|_| {
        b"HTTP/1.1 200 X\r\ncontent-length: 100\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            .to_vec()
    })
    .await;
    let mut store = World::new().alice();
    for used in 1..3 {
        let body = store.http().request(get(server.url("/")), &plain()).await.map(|r| r.body);
        assert!(matches!(body.as_deref(), Ok(b"abc") | Err(Error::Protocol(_))), "{body:?}");
        assert_eq!(server.connections(), used);
    }
}

// http case 11
#[tokio::test]
async fn a_closed_port_and_a_server_that_hangs_up_are_connection_errors() {
    let mut server = Manual::start().await;
    let url = server.url("/");
    let accept = tokio::spawn(async move {
        drop(server.accept().await);
        // Gone without reading what was sent: a reset.
        let stream = server.accept().await;
        stream.readable().await.unwrap();
        #[expect(deprecated, reason = "a blocking close of zero seconds is a reset, at once")]
        stream.set_linger(Some(Duration::ZERO)).unwrap();
        drop(stream);
    });
    let mut store = World::new().alice();
    for _ in 0..2 {
        let error = store.http().request(get(&url), &plain()).await.unwrap_err();
        assert!(matches!(error, Error::Connection(_)), "{error:?}");
    }
    accept.await.unwrap();
    let error = store.http().request(get(&url), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::Connection(_)), "{error:?}");
}

fn between(ms: u64) -> Options {
    Options { timeouts: Timeouts { between_bytes_ms: Some(ms), ..Timeouts::default() }, ..Options::default() }
}

// http case 12
#[tokio::test]
async fn a_slow_loris_runs_into_the_limits_it_is_given() {
    let mut server = Manual::start().await;
    let url = server.url("/");
    let drip = tokio::spawn(async move {
        let mut body = server.say(b"HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\na").await;
        let mut header = server.accept().await;
        let drip = async |stream: &mut TcpStream| {
            while stream.write_all(b"H").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        drip(&mut header).await;
        let _ = body.shutdown().await;
    });
    let mut store = World::new().alice();
    let error = store.http().request(get(&url), &between(30)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    let total = Timeouts { total_ms: Some(100), ..Timeouts::default() };
    let options = Options { timeouts: total, ..Options::default() };
    let error = store.http().request(get(&url), &options).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_) | Error::Protocol(_)), "{error:?}");
    drip.await.unwrap();
}

#[tokio::test]
async fn nothing_a_guest_reads_names_an_address() {
    let server = Server::start(|_| answer(200, &[], b"")).await;
    let mut store =
        World::with(rules(&[]), astrid_airlock::Scripted::new(), Default::default(), None).alice();
    let error = store.http().request(get(server.url("/")), &plain()).await.unwrap_err();
    let arm = astrid_host_http::arms::V1_1::from(error);
    assert_eq!(format!("{arm:?}"), "AirlockRejected");
}

// http case 32
#[tokio::test]
async fn unloading_ends_a_request_and_its_connection() {
    let mut server = Manual::start().await;
    let url = server.url("/");
    let mut store = World::new().alice();
    let token = store.fake.capsule_cancellation();
    let request = tokio::spawn(async move { store.http().request(get(url), &plain()).await });
    let mut stream = server.say(b"HTTP/1.1 200 X\r\ncontent-length: 5\r\n\r\nab").await;
    token.cancel();
    let error = request.await.unwrap().unwrap_err();
    assert_eq!(format!("{:?}", astrid_host_http::arms::V1_1::from(error)), "Closed");
    assert!(crate::common::server::gone(&mut stream).await);
}

/// A generator that gives the same for the same `seed`.
fn random(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    }
}

// http case 53
#[tokio::test]
async fn random_responses_never_panic_and_never_hang() {
    let rounds: u64 = if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 1_000_000 } else { 300 };
    let server = Server::start(|seen| {
        let mut random = random(seen.path()[1..].parse::<u64>().unwrap().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let good = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nlocation: http://x/\r\n\r\n3\r\nabc\r\n0\r\nt: v\r\n\r\n";
        let mut bytes = good.to_vec();
        for _ in 0..=random() % 4 {
            let at = usize::try_from(random() >> 1).unwrap_or(0) % bytes.len();
            bytes[at] = random().to_le_bytes()[0];
        }
        [b"!".to_vec(), bytes].concat()
    })
    .await;
    let world = World::new();
    let builder =
        astrid_host_testkit::FakeHost::builder().limit(&astrid_host_http::limits::REQUESTS, 10_000_000);
    let mut store = world.store(builder);
    for at in 0..rounds {
        let asked = store.http().request(get(server.url(&format!("/{at}"))), &between(60_000)).await;
        // The server ends every connection, so that nothing is waited for in vain.
        assert!(!matches!(asked, Err(Error::Timeout(_))), "{at}: {asked:?}");
        if at % 1000 == 0 {
            // What a test remembers of a call is not what is tested.
            store.fake.recorder().clear();
            server.forget();
        }
    }
}
