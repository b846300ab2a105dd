//! What sockets cost in memory and in time of the processor.
//!
//! A process of its own, and one test after the other: the whole process is measured. Linux tells the
//! figures; elsewhere only what was carried is compared.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

#[expect(dead_code, reason = "this program needs a part of it")]
mod common;
#[path = "load/meter.rs"]
mod meter;

use std::time::Duration;

use astrid_host_net::{Error, FrameRead};
use common::*;
use meter::{Longest, Meter, alone, processor_time};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const KIB: u64 = 1024;

// net case 15
#[tokio::test(start_paused = true)]
async fn an_announced_length_costs_no_memory() {
    let _alone = alone().await;
    let mut store = store();
    let (warm, mut peer) = store.pair().await;
    send(&mut peer, &frame(b"warm")).await;
    while store.net().read(&warm).await.unwrap() == FrameRead::Pending {}
    let (one, mut too_large) = store.pair().await;
    let meter = Meter::start();
    send(&mut too_large, &10_485_761_u32.to_be_bytes()).await;
    loop {
        match store.net().read(&one).await {
            Ok(FrameRead::Pending) => {}
            other => break assert!(matches!(other, Err(Error::FrameTooLarge)), "{other:?}"),
        }
    }
    meter.at_most(KIB * KIB, "a length beyond the limit");
}

// net case 15
#[test]
fn ten_mebibytes_that_never_come_hold_less_than_64_kib() {
    let _alone = meter::alone_blocking();
    let clock =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (mut store, stream, mut peer) = clock.block_on(async {
        let mut store = store();
        let (stream, peer) = store.pair().await;
        // One wait over the whole time, since every call leaves a record in a test.
        store.net().set_read_timeout(&stream, Some(60_000)).unwrap();
        (store, stream, peer)
    });
    let held = allocation_counter::measure(|| {
        clock.block_on(async {
            send(&mut peer, &10_485_760_u32.to_be_bytes()).await;
            let read = store.net().read(&stream).await;
            assert!(matches!(read, Err(Error::Timeout)), "{read:?}");
        });
    });
    eprintln!("held for ten mebibytes that never come: {} bytes", held.bytes_max);
    assert!(held.bytes_max < 64 * KIB, "{held:?}");
}

// net case 41
#[tokio::test]
async fn a_stalled_sink_grows_no_buffer() {
    let _alone = alone().await;
    let mut store = store();
    let (a, mut source) = store.pair().await;
    let (b, mut sink) = store.pair().await;
    let input = store.net().read_stream(&a).unwrap();
    let output = store.net().write_stream(&b).unwrap();
    let bytes = pattern(64 << 20);
    let sent = bytes.clone();
    let meter = Meter::start();
    let writer = tokio::spawn(async move {
        let _ = source.write_all(&sent).await;
    });
    let mut moved = 0;
    loop {
        let splice = async { store.io().blocking_splice(&output, &input, 1 << 20).await.unwrap() };
        match tokio::time::timeout(Duration::from_millis(300), splice).await {
            Ok(n) => moved += usize::try_from(n).unwrap(),
            // That nothing moves may also be the machine's doing.
            Err(_) if store.io().check_write(&output).unwrap() > 0 => {}
            Err(_) => break,
        }
    }
    assert_eq!(store.io().check_write(&output).unwrap(), 0);
    meter.at_most(2 * KIB * KIB, "a splice whose sink stalls");
    let mut piece = vec![0; 1 << 16];
    let mut read = 0;
    while read < moved {
        let n = sink.read(&mut piece).await.unwrap();
        assert!(piece.get(..n) == bytes.get(read..read + n), "what arrives is what was sent");
        read += n;
    }
    meter.at_most(2 * KIB * KIB, "a splice whose sink reads again");
    writer.abort();
}

// net case 42
#[tokio::test]
async fn four_hundred_idle_streams_cost_no_time_of_the_processor() {
    let _alone = alone().await;
    // Both ends are here: two descriptors a stream, below the usual limit of 1,024.
    let count = 400;
    let host = astrid_host_testkit::FakeHost::builder();
    let host = host.limit(&astrid_host_net::limits::STREAMS, count);
    let mut store = store_with(host.limit(&astrid_host_net::limits::CAPSULE_STREAMS, count), |net| net);
    let (mut streams, mut peers, mut pollables) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..count {
        let (stream, peer) = store.pair().await;
        if at < 256 {
            pollables.push(store.net().subscribe_readable(&stream).unwrap());
        }
        streams.push(stream);
        peers.push(peer);
    }
    // The least of several seconds: what interrupts a busy machine is counted to whoever runs.
    let mut least = None;
    for _ in 0..10 {
        let before = processor_time();
        let waited = tokio::time::timeout(Duration::from_secs(1), store.io().poll(&pollables)).await;
        assert!(waited.is_err(), "nothing came");
        let (Some(before), Some(after)) = (before, processor_time()) else { return };
        eprintln!("{count} idle streams for a second: {:?}", after - before);
        least = Some(least.map_or(after - before, |least: Duration| least.min(after - before)));
        // Five milliseconds are the chapter's for one stream.
        if least.is_some_and(|least| least < Duration::from_millis(5)) {
            return;
        }
    }
    panic!("{least:?}");
}

// net case 50
#[tokio::test]
async fn eight_clients_get_every_frame_back_in_order_through_one_echo_loop() {
    let _alone = alone().await;
    let frames = if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 10_000 } else { 2_000 };
    let mut store = store();
    let (mut streams, mut clients, mut pollables) = (Vec::new(), Vec::new(), Vec::new());
    for client in 0..8u8 {
        let (stream, peer) = store.pair().await;
        pollables.push(store.net().subscribe_readable(&stream).unwrap());
        streams.push(stream);
        let (mut from, mut to) = peer.into_split();
        let payload = move |n: usize| {
            let mut payload = vec![client; 1024];
            payload[..8].copy_from_slice(&(n as u64).to_be_bytes());
            payload
        };
        let sender = tokio::spawn(async move {
            for n in 0..frames {
                tokio::io::AsyncWriteExt::write_all(&mut to, &frame(&payload(n))).await.unwrap();
            }
            to
        });
        clients.push(tokio::spawn(async move {
            let mut got = vec![0; 1028];
            for n in 0..frames {
                from.read_exact(&mut got).await.unwrap();
                assert!(got == frame(&payload(n)), "client {client}, frame {n}");
            }
            sender.await.unwrap();
        }));
    }
    let mut echoed = 0;
    let serving = async {
        while echoed < 8 * frames {
            for ready in store.io().poll(&pollables).await.unwrap() {
                let stream = &streams[ready as usize];
                if let FrameRead::Data(frame) = store.net().read(stream).await.unwrap() {
                    store.net().write(stream, &frame).await.unwrap();
                    echoed += 1;
                    if echoed % 100 == 0 {
                        // What a test remembers of each call would be moved ever more bytes at a time.
                        store.host.recorder().clear();
                    }
                }
            }
        }
    };
    let longest = Longest::of(serving).await;
    for client in clients {
        client.await.unwrap();
    }
    // What the host does between two waits, in time of the processor: others on this machine do not count.
    if let Some(longest) = longest {
        eprintln!("longest without a wait: {longest:?}");
        assert!(longest <= Duration::from_millis(10), "{longest:?}");
    }
}
