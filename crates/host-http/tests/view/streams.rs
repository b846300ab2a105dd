//! Responses read piece by piece.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use astrid_airlock::Airlock;
use astrid_host_http::limits::STREAMS;
use astrid_host_http::{Error, HttpView, Options, Timeouts};
use astrid_host_io::IoView;
use astrid_host_net::{NetCtx, NetCtxView};
use astrid_host_testkit::FakeHost;
use base64::Engine as _;
use tokio::io::AsyncWriteExt;

use crate::common::server::{Manual, Server, answer, gone};
use crate::common::*;

const HEAD: &[u8] = b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n";

fn timeouts(between_bytes_ms: Option<u64>, total_ms: Option<u64>) -> Options {
    let timeouts = Timeouts { between_bytes_ms, total_ms, ..Timeouts::default() };
    Options { timeouts, ..Options::default() }
}

// http case 27
#[tokio::test]
async fn chunks_arrive_as_they_are_sent_and_the_end_is_repeated() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let url = server.url("/");
    let (stream, mut peer) = tokio::join!(
        async { store.http().stream_start(get(url), &plain()).await.unwrap() },
        server.say(HEAD)
    );
    assert_eq!(store.http().status(&stream).unwrap(), 200);
    peer.write_all(b"1\r\na\r\n").await.unwrap();
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), "a");
    peer.write_all(b"1\r\nb\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), "b");
    for _ in 0..2 {
        assert!(store.http().read_chunk(&stream).await.unwrap().is_empty());
    }
    store.http().drop_stream(stream).unwrap();
}

// http case 34
#[tokio::test]
async fn a_hundred_mebibytes_go_from_a_body_to_a_socket_without_the_guest() {
    const LENGTH: usize = 100 << 20;
    let body: Vec<u8> = (0..LENGTH).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let sent = body.clone();
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let url = server.url("/");
    let head = format!("HTTP/1.1 200 X\r\ncontent-length: {LENGTH}\r\n\r\n");
    let (stream, mut peer) = tokio::join!(
        async { store.http().stream_start(get(url), &plain()).await.unwrap() },
        server.say(head.as_bytes())
    );
    let serving = tokio::spawn(async move { peer.write_all(&sent).await.unwrap() });
    let sink = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let net = NetCtx::builder(Arc::new(Airlock::builder().rules(open_rules()).build()));
    let mut net = net.build();
    let port = sink.local_addr().unwrap().port();
    let mut sockets = NetCtxView { ctx: &mut net, host: store.fake.cx() };
    let socket = sockets.connect_tcp("127.0.0.1", port).await.unwrap();
    let output = sockets.write_stream(&socket).unwrap();
    sockets.drop_handle(socket).unwrap();
    let (mut far, _) = sink.accept().await.unwrap();
    let reading = tokio::spawn(async move {
        let mut got = Vec::with_capacity(LENGTH);
        tokio::io::AsyncReadExt::read_to_end(&mut far, &mut got).await.unwrap();
        got
    });
    let input = store.http().body_stream(&stream).unwrap();
    // The response's handle goes; the body keeps its place.
    store.http().drop_stream(stream).unwrap();
    assert_eq!(store.held(&STREAMS), 1);
    let (mut calls, mut moved) = (0, 0);
    loop {
        match store.io().blocking_splice(&output, &input, 1 << 20).await {
            Ok(n) => moved += n,
            Err(astrid_host_io::Error::Closed) => break,
            Err(other) => panic!("{other:?}"),
        }
        calls += 1;
    }
    store.io().blocking_flush(&output).await.unwrap();
    store.io().drop_output(output).unwrap();
    serving.await.unwrap();
    assert!(reading.await.unwrap() == body, "{moved} bytes moved");
    // A call moves what is there: in full pieces a hundred, more where a busy machine brings them by halves
    // and quarters. Pieces of 64 KiB would be 1,600.
    assert!(calls < 1_000, "{calls} calls");
    store.io().drop_resource(input).unwrap();
    assert_eq!(store.held(&STREAMS), 0);
}

// http case 26
#[tokio::test]
async fn a_wrong_digest_shows_at_the_end() {
    let server = Server::start(|_| answer(200, &[], b"abc")).await;
    let digest = base64::engine::general_purpose::STANDARD.encode([7; 32]);
    let options = Options { integrity: Some(format!("sha256-{digest}")), ..Options::default() };
    let mut store = World::new().alice();
    let stream = store.http().stream_start(get(server.url("/")), &options).await.unwrap();
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), "abc");
    assert!(matches!(store.http().read_chunk(&stream).await, Err(Error::Integrity)));
    assert!(matches!(store.http().read_chunk(&stream).await, Err(Error::Closed)));
}

// http case 28
#[tokio::test]
async fn a_slow_piece_is_a_timeout_that_can_be_tried_again_and_the_total_is_final() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let url = server.url("/");
    let open = async |store: &mut Store, server: &mut Manual, options: Options| {
        let (stream, peer) = tokio::join!(
            async { store.http().stream_start(get(&url), &options).await.unwrap() },
            server.say(HEAD)
        );
        (stream, peer)
    };
    let (stream, mut peer) = open(&mut store, &mut server, timeouts(Some(20), None)).await;
    assert!(matches!(store.http().read_chunk(&stream).await, Err(Error::Timeout(_))));
    peer.write_all(b"1\r\na\r\n").await.unwrap();
    loop {
        match store.http().read_chunk(&stream).await {
            Ok(bytes) => break assert_eq!(bytes, "a"),
            Err(Error::Timeout(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    let (stream, _peer) = open(&mut store, &mut server, timeouts(None, Some(50))).await;
    assert!(matches!(store.http().read_chunk(&stream).await, Err(Error::Timeout(_))));
    assert!(matches!(store.http().read_chunk(&stream).await, Err(Error::Closed)));
}

// http case 29
#[tokio::test]
async fn a_broken_stream_fails_once_and_is_closed_then() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let url = server.url("/");
    let (stream, mut peer) = tokio::join!(
        async { store.http().stream_start(get(url), &plain()).await.unwrap() },
        server.say(HEAD)
    );
    peer.write_all(b"1\r\na\r\n").await.unwrap();
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), "a");
    drop(peer);
    assert!(matches!(store.http().read_chunk(&stream).await, Err(Error::Connection(_))));
    assert!(matches!(store.http().read_chunk(&stream).await, Err(Error::Closed)));
}

// http case 30
#[tokio::test]
async fn four_streams_are_open_at_most_and_closing_or_dropping_frees_a_place() {
    let server = Server::start(|_| answer(200, &[], b"abc")).await;
    let world = World::new();
    let mut store = world.alice();
    let url = server.url("/");
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(store.http().stream_start(get(&url), &plain()).await.unwrap());
    }
    let before = server.requests().len();
    let full = |result: Result<_, Error>| matches!(result, Err(Error::Refused(_)));
    assert!(full(store.http().stream_start(get(&url), &plain()).await.map(drop)));
    assert!(full(store.http().upload_start(post(&url, b""), &plain()).await.map(drop)));
    assert_eq!(server.requests().len(), before);
    store.http().request(get(&url), &plain()).await.unwrap();
    let mut bob = world.store(FakeHost::builder().principal("bob"));
    bob.http().stream_start(get(&url), &plain()).await.unwrap();
    store.http().close(&streams[0]).unwrap();
    store.http().stream_start(get(&url), &plain()).await.unwrap();
    store.http().drop_stream(streams.pop().unwrap()).unwrap();
    assert!(store.http().stream_start(get("http://127.0.0.1:1/"), &plain()).await.is_err());
    store.http().stream_start(get(&url), &plain()).await.unwrap();
    assert!(full(store.http().stream_start(get(&url), &plain()).await.map(drop)));
}

// http case 31
#[tokio::test]
async fn closing_breaks_the_response_off_and_leaves_its_header() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let url = server.url("/");
    let (stream, mut peer) = tokio::join!(
        async { store.http().stream_start(get(url), &plain()).await.unwrap() },
        server.say(HEAD)
    );
    for _ in 0..2 {
        store.http().close(&stream).unwrap();
    }
    assert!(gone(&mut peer).await);
    assert!(matches!(store.http().read_chunk(&stream).await, Err(Error::Closed)));
    assert!(matches!(store.http().trailers(&stream), Err(Error::Closed)));
    assert_eq!(store.http().status(&stream).unwrap(), 200);
    assert!(!store.http().headers(&stream).unwrap().is_empty());
    assert_eq!(store.held(&STREAMS), 0);
}

// http case 33
#[tokio::test]
async fn a_pollable_is_ready_for_data_for_the_end_and_after_close() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let url = server.url("/");
    let (stream, mut peer) = tokio::join!(
        async { store.http().stream_start(get(url), &plain()).await.unwrap() },
        server.say(HEAD)
    );
    let pollable = store.http().subscribe_readable(&stream).unwrap();
    for _ in 0..3 {
        assert!(!store.io().ready(&pollable).unwrap());
        tokio::task::yield_now().await;
    }
    peer.write_all(b"1\r\na\r\n").await.unwrap();
    store.io().block(&pollable).await.unwrap();
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), "a");
    assert!(!store.io().ready(&pollable).unwrap());
    peer.write_all(b"0\r\n\r\n").await.unwrap();
    store.io().block(&pollable).await.unwrap();
    assert!(matches!(store.http().trailers(&stream), Err(Error::Protocol(_))), "ready is not read");
    store.http().close(&stream).unwrap();
    assert!(store.io().ready(&pollable).unwrap());
}

// http case 34
#[tokio::test]
async fn chunks_and_stream_share_one_cursor_and_the_stream_outlives_the_handle() {
    let body: Vec<u8> = (0..3_000_000u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[2]).collect();
    let sent = body.clone();
    let server = Server::start(move |_| answer(200, &[], &sent)).await;
    let mut store = World::new().alice();
    let stream = store.http().stream_start(get(server.url("/")), &plain()).await.unwrap();
    let input = store.http().body_stream(&stream).unwrap();
    let mut got = Vec::new();
    for _ in 0..5 {
        got.extend_from_slice(&store.http().read_chunk(&stream).await.unwrap());
        got.extend(store.io().blocking_read(&input, 10_000).await.unwrap());
    }
    store.http().drop_stream(stream).unwrap();
    assert_eq!(store.held(&STREAMS), 1);
    while let Ok(bytes) = store.io().blocking_read(&input, u64::MAX).await {
        got.extend(bytes);
    }
    assert!(got == body);
    store.io().drop_resource(input).unwrap();
    assert_eq!(store.held(&STREAMS), 0);
}

// http case 35
#[tokio::test]
async fn trailers_are_there_once_the_end_was_seen() {
    let server = Server::start(|seen| match seen.path() {
        "/with" => [HEAD, b"1\r\na\r\n0\r\ngrpc-status: 0\r\n\r\n"].concat(),
        _ => [HEAD, b"1\r\na\r\n0\r\n\r\n"].concat(),
    })
    .await;
    let mut store = World::new().alice();
    for (path, expected) in
        [("/with", Some(vec![("grpc-status".to_owned(), "0".to_owned())])), ("/none", None)]
    {
        let request = with_headers(get(server.url(path)), &[("te", "trailers")]);
        let stream = store.http().stream_start(request, &plain()).await.unwrap();
        assert!(matches!(store.http().trailers(&stream), Err(Error::Protocol("body not finished"))));
        while !store.http().read_chunk(&stream).await.unwrap().is_empty() {}
        assert_eq!(store.http().trailers(&stream).unwrap(), expected);
        store.http().drop_stream(stream).unwrap();
    }
    assert_eq!(server.requests()[0].one("te").unwrap(), "trailers");
}

// http case 35
#[tokio::test]
async fn trailers_of_http2_are_there_also_when_the_end_was_seen_through_the_stream() {
    let identity = tls::identity("localhost", false);
    let dns = astrid_airlock::Scripted::new().answer("localhost", ["127.0.0.1".parse().unwrap()]);
    let world = World::with(open_rules(), dns, Default::default(), Some(&identity.pem));
    let server = tls::serve(identity, true).await;
    let mut store = world.alice();
    let url = format!("https://localhost:{}/trailers", server.port);
    let stream = store.http().stream_start(get(url), &plain()).await.unwrap();
    let input = store.http().body_stream(&stream).unwrap();
    // Not one byte more, or the same call would come to the end.
    assert_eq!(store.io().blocking_read(&input, 8).await.unwrap(), &b"HTTP/2.0"[..]);
    assert!(matches!(store.http().trailers(&stream), Err(Error::Protocol("body not finished"))));
    assert!(matches!(store.io().blocking_read(&input, 99).await, Err(astrid_host_io::Error::Closed)));
    let trailers = store.http().trailers(&stream).unwrap();
    assert_eq!(trailers, Some(vec![("grpc-status".to_owned(), "0".to_owned())]));
}

// http case 32
#[tokio::test]
async fn unloading_ends_a_read_and_a_finish_that_wait_and_their_connections() {
    let mut server = Manual::start().await;
    let url = server.url("/");
    let mut store = World::new().alice();
    let (stream, mut reading) = tokio::join!(
        async { store.http().stream_start(get(&url), &plain()).await.unwrap() },
        server.say(HEAD)
    );
    let upload = store.http().upload_start(post(&url, b""), &plain()).await.unwrap();
    let mut finishing = server.accept().await;
    let token = store.fake.capsule_cancellation();
    let unload = async {
        // Both wait by then: the request's head is here, and so is its last chunk.
        let mut said = Vec::new();
        while !said.ends_with(b"0\r\n\r\n") {
            said.push(tokio::io::AsyncReadExt::read_u8(&mut finishing).await.unwrap());
        }
        token.cancel();
    };
    let mut view = store.http();
    let (finished, ()) = tokio::join!(view.finish(&upload), unload);
    assert_eq!(format!("{:?}", astrid_host_http::arms::V1_1::from(finished.unwrap_err())), "Closed");
    let read = store.http().read_chunk(&stream).await.unwrap_err();
    assert_eq!(format!("{:?}", astrid_host_http::arms::V1_1::from(read)), "Closed");
    store.http().drop_stream(stream).unwrap();
    assert!(gone(&mut finishing).await && gone(&mut reading).await);
}

// http case 28
#[tokio::test]
async fn the_time_between_bytes_runs_only_while_the_guest_waits() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let url = server.url("/");
    let options = timeouts(Some(100), None);
    let (stream, mut peer) = tokio::join!(
        async { store.http().stream_start(get(url), &options).await.unwrap() },
        server.say(HEAD)
    );
    for piece in [&b"1\r\na\r\n"[..], b"1\r\nb\r\n"] {
        peer.write_all(piece).await.unwrap();
        // The guest does something else for longer than the limit, with data waiting.
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        assert_eq!(store.http().read_chunk(&stream).await.unwrap().len(), 1);
    }
}

// http case 33
#[tokio::test]
async fn a_pollable_is_ready_for_a_reset_and_polled_beside_others_tells_which() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let url = server.url("/");
    let mut open = async |store: &mut Store| {
        tokio::join!(
            async { store.http().stream_start(get(&url), &plain()).await.unwrap() },
            server.say(HEAD)
        )
    };
    let (idle, _idle_peer) = open(&mut store).await;
    let (stream, peer) = open(&mut store).await;
    let pollables =
        [store.http().subscribe_readable(&idle).unwrap(), store.http().subscribe_readable(&stream).unwrap()];
    drop(peer);
    assert_eq!(store.io().poll(&pollables).await.unwrap(), [1]);
    assert!(matches!(store.http().read_chunk(&stream).await, Err(Error::Connection(_))));
    assert!(store.io().ready(&pollables[1]).unwrap(), "closed counts as ready");
}

// http case 49
#[tokio::test]
async fn a_stream_stays_its_openers_and_ends_with_them() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let alice = store.fake.cancellation();
    let url = server.url("/");
    let (stream, mut peer) = tokio::join!(
        async { store.http().stream_start(get(url), &plain()).await.unwrap() },
        server.say(HEAD)
    );
    store.fake.serve("bob");
    peer.write_all(b"1\r\na\r\n").await.unwrap();
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), "a");
    let mut view = store.http();
    let mut read = Box::pin(view.read_chunk(&stream));
    assert!(poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx).is_pending())).await);
    alice.retire();
    assert!(matches!(read.await, Err(Error::Closed)));
    assert!(gone(&mut peer).await);
    let wire: Vec<_> = store.fake.recorder().audited();
    let last = wire.iter().rfind(|r| r.op.function == "wire-response").unwrap();
    assert_eq!(last.principal.as_ref().unwrap().as_str(), "alice");
}

// http case 49
#[tokio::test]
async fn a_cleared_table_frees_the_place_and_the_connection() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let url = server.url("/");
    let (_, mut peer) = tokio::join!(
        async { store.http().stream_start(get(url), &plain()).await.unwrap() },
        server.say(HEAD)
    );
    *store.fake.cx().table = wasmtime::component::ResourceTable::new();
    assert!(gone(&mut peer).await);
    assert_eq!(store.held(&STREAMS), 0);
}
