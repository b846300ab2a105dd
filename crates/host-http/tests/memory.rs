//! What large bodies cost in memory, and what waiting costs in time.
//!
//! A process of its own, and one test after the other: the whole process is measured. The sizes of the
//! chapter with `ASTRID_LONG_TESTS` set, an eighth of them else. Linux tells the figures; elsewhere
//! only the bytes are compared.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test that cannot set up must fail, and uses a part of what tests have in common"
)]

#[path = "view/common/mod.rs"]
mod common;
#[path = "memory/meter.rs"]
mod meter;
#[path = "memory/servers.rs"]
mod servers;

use std::sync::Arc;
use std::time::Duration;

use astrid_airlock::Airlock;
use astrid_host_http::{Error, HttpView, Options};
use astrid_host_io::{IoView, OutputStream};
use astrid_host_net::{NetCtx, NetCtxView};
use wasmtime::component::Resource;

use common::*;
use meter::{MIB, Meter, alone, scale};
use servers::{bomb, drain, serve};

/// A socket of the store whose peer throws away what it gets.
async fn sink(store: &mut Store) -> Resource<OutputStream> {
    let mut net = NetCtx::builder(Arc::new(Airlock::builder().rules(open_rules()).build())).build();
    let mut sockets = NetCtxView { ctx: &mut net, host: store.fake.cx() };
    let socket = sockets.connect_tcp("127.0.0.1", drain().await).await.unwrap();
    let output = sockets.write_stream(&socket).unwrap();
    sockets.drop_handle(socket).unwrap();
    output
}

// http case 27
#[tokio::test]
async fn a_stream_read_in_chunks_holds_two_mebibytes_at_most() {
    let _alone = alone().await;
    let total = scale(128 * MIB);
    let url = serve().await;
    let mut store = World::new().alice();
    store.http().request(get(format!("{url}/bytes/{MIB}")), &plain()).await.unwrap();
    let meter = Meter::start();
    let stream = store.http().stream_start(get(format!("{url}/bytes/{total}")), &plain()).await.unwrap();
    let mut got = 0;
    loop {
        match store.http().read_chunk(&stream).await.unwrap().len() as u64 {
            0 => break,
            n => got += n,
        }
    }
    assert_eq!(got, total);
    meter.at_most(2 * MIB, "a stream in chunks");
}

// http case 34
#[tokio::test]
async fn four_bodies_spliced_side_by_side_hold_sixteen_mebibytes_at_most() {
    let _alone = alone().await;
    let each = scale(256 * MIB);
    let url = serve().await;
    let world = World::new();
    world.alice().http().request(get(format!("{url}/bytes/{MIB}")), &plain()).await.unwrap();
    let meter = Meter::start();
    let splices = (0..4).map(|_| {
        let (mut store, url) = (world.alice(), format!("{url}/bytes/{each}"));
        tokio::spawn(async move {
            let stream = store.http().stream_start(get(url), &plain()).await.unwrap();
            let input = store.http().body_stream(&stream).unwrap();
            let output = sink(&mut store).await;
            let mut moved = 0;
            loop {
                match store.io().blocking_splice(&output, &input, MIB).await {
                    Ok(n) => moved += n,
                    Err(astrid_host_io::Error::Closed) => return moved,
                    Err(other) => panic!("{other:?}"),
                }
            }
        })
    });
    for splice in splices.collect::<Vec<_>>() {
        assert_eq!(splice.await.unwrap(), each);
    }
    meter.at_most(16 * MIB, "four spliced bodies");
}

// http case 36
#[tokio::test]
async fn an_upload_holds_four_mebibytes_at_most_and_arrives_as_it_was_written() {
    let _alone = alone().await;
    let total = scale(1024 * MIB);
    let url = serve().await;
    let mut store = World::new().alice();
    let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
    let piece: Vec<u8> =
        (0..64 * 1024u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    let piece = bytes::Bytes::from(piece);
    let upload =
        store.http().upload_start(post(format!("{url}/digest"), b"ignored"), &plain()).await.unwrap();
    let sink = store.http().body_sink(&upload).unwrap();
    let meter = Meter::start();
    for _ in 0..total / piece.len() as u64 {
        digest.update(&piece);
        store.io().blocking_write_and_flush(&sink, piece.clone()).await.unwrap();
    }
    let stream = store.http().finish(&upload).await.unwrap();
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), digest.finish().as_ref());
    meter.at_most(4 * MIB, "an upload");
}

// http case 23
#[tokio::test]
async fn a_bomb_held_whole_costs_no_more_than_the_body_that_is_allowed() {
    let _alone = alone().await;
    let url = bomb(scale(1024 * MIB) + 1).await;
    let mut store = World::new().alice();
    let meter = Meter::start();
    let error = store.http().request(get(&url), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::BodyTooLarge(_)), "{error:?}");
    // The vector that holds the body doubles as it grows, up to its 10 MiB: at most 16 MiB of address
    // space of which 10 are ever touched.
    meter.at_most(12 * MIB, "a bomb held whole");
}

// http case 23
#[tokio::test]
async fn a_streamed_bomb_is_stopped_past_its_limit_and_not_before() {
    let _alone = alone().await;
    let limit = scale(1024 * MIB);
    let url = bomb(limit + 1).await;
    // The contract's own limit is a gibibyte: the long run says nothing, the short one asks for less.
    let asked = (limit < 1024 * MIB).then_some(limit);
    let options = Options { max_decompressed_bytes: asked, ..Options::default() };
    let mut store = World::new().alice();
    let stream = store.http().stream_start(get(&url), &options).await.unwrap();
    let meter = Meter::start();
    let mut got = 0;
    let error = loop {
        match store.http().read_chunk(&stream).await {
            Ok(bytes) => got += bytes.len() as u64,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Bomb(at) if at == limit), "{error:?}");
    // All that fits was handed out, but for the block that broke the limit.
    assert!((limit - 64 * 1024..=limit).contains(&got), "{got}");
    meter.at_most(2 * MIB, "a streamed bomb");
}

// http case 33
#[tokio::test]
async fn waiting_for_a_silent_server_costs_no_time_of_the_processor() {
    let _alone = alone().await;
    let mut server = common::server::Manual::start().await;
    let mut store = World::new().alice();
    let url = server.url("/");
    let (stream, _peer) = tokio::join!(
        async { store.http().stream_start(get(url), &plain()).await.unwrap() },
        server.say(b"HTTP/1.1 200 X\r\ncontent-length: 5\r\n\r\n")
    );
    let ready = store.http().subscribe_readable(&stream).unwrap();
    let before = meter::processor_time();
    let waited = tokio::time::timeout(Duration::from_secs(1), store.io().block(&ready)).await;
    assert!(waited.is_err(), "nothing came");
    if let (Some(before), Some(after)) = (before, meter::processor_time()) {
        assert!(after - before < Duration::from_millis(50), "{:?}", after - before);
    }
}
