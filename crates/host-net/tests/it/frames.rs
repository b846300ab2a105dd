//! Framed reads and writes.

use std::time::{Duration, Instant};

use crate::common::*;
use astrid_host_net::{Error, FrameRead, limits};
use tokio::io::AsyncReadExt;

async fn read_frame(store: &mut Store, stream: &Stream) -> Result<Option<Vec<u8>>, Error> {
    loop {
        match store.net().read(stream).await? {
            FrameRead::Data(frame) => return Ok(Some(frame)),
            FrameRead::Closed => return Ok(None),
            FrameRead::Pending => {}
        }
    }
}

// net case 14
#[tokio::test]
async fn frames_of_every_size_arrive_as_they_were_and_one_byte_more_is_refused_unsent() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    for size in [0, 1, 65_536, limits::MAX_FRAME - 1, limits::MAX_FRAME] {
        let payload = pattern(size);
        let echo = async {
            let mut got = vec![0; size + 4];
            peer.read_exact(&mut got).await.unwrap();
            send(&mut peer, &got).await;
            got
        };
        let back = async {
            store.net().write(&stream, &payload).await.unwrap();
            read_frame(&mut store, &stream).await.unwrap().unwrap()
        };
        let (got, back) = tokio::join!(echo, back);
        assert_eq!(got, frame(&payload));
        assert!(back == payload, "{size}");
    }
    let error = store.net().write(&stream, &vec![0; limits::MAX_FRAME + 1]).await.unwrap_err();
    assert!(matches!(error, Error::FrameTooLarge));
    store.drop_stream(stream);
    assert_eq!(rest(&mut peer).await, b"");
}

// net case 15
#[tokio::test]
async fn an_announced_length_beyond_the_limit_ends_the_reading_direction() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    send(&mut peer, &10_485_761u32.to_be_bytes()).await;
    assert!(matches!(read_frame(&mut store, &stream).await, Err(Error::FrameTooLarge)));
    for _ in 0..2 {
        assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Closed);
    }
}

// net case 15
#[tokio::test(start_paused = true)]
async fn a_frame_that_stays_incomplete_times_out_after_5_s_and_1_ms_a_kib() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    send(&mut peer, &10_485_760u32.to_be_bytes()).await;
    let before = tokio::time::Instant::now();
    let error = read_frame(&mut store, &stream).await.unwrap_err();
    assert!(matches!(error, Error::Timeout));
    let took = before.elapsed();
    assert!((15_200..15_400).contains(&took.as_millis()), "{took:?}");
    assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Closed);
}

// net case 16
#[tokio::test]
async fn a_frame_in_single_bytes_is_pending_until_it_is_whole() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    peer.set_nodelay(true).unwrap();
    let bytes = frame(&pattern(40));
    let mut pending = 0;
    for byte in &bytes[..bytes.len() - 1] {
        send(&mut peer, &[*byte]).await;
        if pending < 3 {
            assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Pending);
            pending += 1;
        }
    }
    send(&mut peer, &bytes[bytes.len() - 1..]).await;
    assert_eq!(read_frame(&mut store, &stream).await.unwrap().unwrap(), pattern(40));
}

// net case 16
#[tokio::test]
async fn a_thousand_cancelled_reads_lose_no_byte() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    let payloads: Vec<_> = (0..1000).map(|n| pattern(n * 7 % 3001)).collect();
    let bytes = payloads.iter().flat_map(|payload| frame(payload)).collect::<Vec<_>>();
    let sender = tokio::spawn(async move {
        for (n, piece) in bytes.chunks(997).enumerate() {
            send(&mut peer, piece).await;
            if n % 3 == 0 {
                tokio::task::yield_now().await;
            }
        }
        peer
    });
    let mut cancelled = 0;
    for payload in &payloads {
        loop {
            let mut net = store.net();
            let read = net.read(&stream);
            tokio::select! {
                biased;
                found = read => match found.unwrap() {
                    FrameRead::Data(frame) => { assert!(frame == *payload); break }
                    FrameRead::Pending => {}
                    FrameRead::Closed => panic!("the stream is open"),
                },
                // A wait that is dropped in the middle.
                () = tokio::task::yield_now() => cancelled += 1,
            }
        }
    }
    drop(sender.await.unwrap());
    assert!(cancelled > 0);
}

// net case 17
#[tokio::test(start_paused = true)]
async fn an_idle_read_is_pending_after_50_ms_or_the_read_timeout() {
    let mut store = store();
    let (stream, _peer) = store.pair().await;
    let before = tokio::time::Instant::now();
    assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Pending);
    assert!((45..80).contains(&before.elapsed().as_millis()), "{:?}", before.elapsed());
    store.net().set_read_timeout(&stream, Some(500)).unwrap();
    let before = tokio::time::Instant::now();
    assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Pending);
    assert!((480..600).contains(&before.elapsed().as_millis()), "{:?}", before.elapsed());
}

// net case 18
#[tokio::test]
async fn an_end_on_a_boundary_is_closed_and_inside_a_frame_a_reset() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    send(&mut peer, &frame(b"x")).await;
    drop(peer);
    assert_eq!(read_frame(&mut store, &stream).await.unwrap().unwrap(), b"x");
    for _ in 0..2 {
        assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Closed);
    }

    let (stream, mut peer) = store.pair().await;
    send(&mut peer, &frame(b"torn")[..6]).await;
    drop(peer);
    assert!(matches!(read_frame(&mut store, &stream).await, Err(Error::Reset)));
    assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Closed);

    let (stream, mut peer) = store.pair().await;
    send(&mut peer, b"x").await;
    assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Pending);
    reset(peer);
    assert!(matches!(read_frame(&mut store, &stream).await, Err(Error::Reset)));
    assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Closed);
}

// net case 19
#[tokio::test]
async fn a_write_to_a_peer_that_never_reads_times_out_and_shuts_the_direction() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    let (other, _other_peer) = store.pair().await;
    store.net().set_write_timeout(&stream, Some(200)).unwrap();
    let before = Instant::now();
    let error = store.net().write(&stream, &pattern(limits::MAX_FRAME)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout), "{error:?}");
    assert!(before.elapsed() >= Duration::from_millis(195));
    let error = store.net().write(&stream, b"more").await.unwrap_err();
    assert!(matches!(error, Error::Closed), "{error:?}");
    store.net().write(&other, b"unaffected").await.unwrap();
    // The peer sees a torn frame and then the end, never something behind the tear.
    let got = rest(&mut peer).await;
    assert!(got.len() > 4 && got.len() < limits::MAX_FRAME);
    assert!(got[4..] == pattern(limits::MAX_FRAME)[..got.len() - 4]);
}

// net case 19
#[tokio::test]
async fn a_write_dropped_half_way_never_lets_a_torn_frame_be_followed() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    let payload = pattern(limits::MAX_FRAME);
    {
        let mut net = store.net();
        let write = net.write(&stream, &payload);
        tokio::select! {
            biased;
            _ = write => panic!("the peer does not read"),
            _ = peer.readable() => {}
        }
    }
    assert!(matches!(store.net().write(&stream, b"next").await, Err(Error::Closed)));
    let got = rest(&mut peer).await;
    assert!(got[4..] == payload[..got.len() - 4]);
}

#[tokio::test]
async fn a_write_to_a_peer_that_broke_off_is_a_reset() {
    let mut store = store();
    let (stream, peer) = store.pair().await;
    reset(peer);
    let error = loop {
        if let Err(error) = store.net().write(&stream, b"x").await {
            break error;
        }
    };
    assert!(matches!(error, Error::Reset), "{error:?}");
}

// net case 20
#[tokio::test]
async fn an_unload_ends_a_framed_read_with_closed_and_a_retirement_with_a_denial() {
    use astrid_host_context::{Failure, Outcome};
    let mut store = store();
    let (stream, _peer) = store.pair().await;
    let token = store.host.cancellation();
    store.net().set_read_timeout(&stream, Some(60_000)).unwrap();
    let unload = async {
        tokio::task::yield_now().await;
        token.cancel();
    };
    let mut net = store.net();
    let (found, ()) = tokio::join!(net.read(&stream), unload);
    assert_eq!(found.unwrap(), FrameRead::Closed);
    store.host.serve("alice");
    store.host.cancellation().retire();
    let error = store.net().read(&stream).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Denied("retired"));
}

// net case 50
#[tokio::test]
async fn eight_clients_get_every_frame_back_in_order_through_one_echo_loop() {
    const FRAMES: usize = 2_000;
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
            for n in 0..FRAMES {
                tokio::io::AsyncWriteExt::write_all(&mut to, &frame(&payload(n))).await.unwrap();
            }
            to
        });
        clients.push(tokio::spawn(async move {
            let mut got = vec![0; 1028];
            for n in 0..FRAMES {
                from.read_exact(&mut got).await.unwrap();
                assert!(got == frame(&payload(n)), "client {client}, frame {n}");
            }
            sender.await.unwrap();
        }));
    }
    let mut echoed = 0;
    while echoed < 8 * FRAMES {
        for ready in store.io().poll(&pollables).await.unwrap() {
            let stream = &streams[ready as usize];
            if let FrameRead::Data(frame) = store.net().read(stream).await.unwrap() {
                store.net().write(stream, &frame).await.unwrap();
                echoed += 1;
            }
        }
    }
    for client in clients {
        client.await.unwrap();
    }
}
