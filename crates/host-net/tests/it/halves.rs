//! The stream's halves, splicing, and readiness.

use std::time::Duration;

use crate::common::*;
use astrid_host_context::Subject;
use astrid_host_io::Error as IoError;
use astrid_host_net::{FrameRead, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn held(store: &Store) -> u64 {
    let call = store.host.call();
    let subject = Subject { principal: call.principal(), capsule: call.capsule() };
    store.host.recorder().held(&subject, &limits::STREAMS)
}

// net case 40
#[tokio::test]
async fn halves_carry_bytes_outlive_their_handle_and_the_last_drop_closes() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    let input = store.net().read_stream(&stream).unwrap();
    let output = store.net().write_stream(&stream).unwrap();
    store.drop_stream(stream);
    assert_eq!(held(&store), 1);
    store.io().blocking_write_and_flush(&output, b"to peer"[..].into()).await.unwrap();
    let mut got = [0; 7];
    peer.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"to peer");
    send(&mut peer, b"from peer").await;
    assert_eq!(store.io().blocking_read(&input, 99).await.unwrap(), b"from peer");
    store.io().drop_output(output).unwrap();
    send(&mut peer, b"still open").await;
    assert_eq!(store.io().blocking_read(&input, 99).await.unwrap(), b"still open");
    peer.shutdown().await.unwrap();
    assert!(matches!(store.io().blocking_read(&input, 99).await, Err(IoError::Closed)));
    store.io().drop_resource(input).unwrap();
    assert_eq!(held(&store), 0);
    assert_eq!(rest(&mut peer).await, b"");
}

#[tokio::test]
async fn frames_bytes_and_halves_share_one_position() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    let input = store.net().read_stream(&stream).unwrap();
    send(&mut peer, &[&frame(b"one")[..], b"raw", b"more"].concat()).await;
    let FrameRead::Data(one) = store.net().read(&stream).await.unwrap() else { panic!("a frame") };
    assert_eq!(one, b"one");
    assert_eq!(store.io().blocking_read(&input, 3).await.unwrap(), b"raw");
    assert_eq!(store.net().read_bytes(&stream, 9).await.unwrap(), b"more");
}

// net case 40
#[tokio::test]
async fn a_reset_is_a_failure_once_and_then_closed() {
    let mut store = store();
    let (stream, peer) = store.pair().await;
    let input = store.net().read_stream(&stream).unwrap();
    reset(peer);
    assert!(matches!(store.io().blocking_read(&input, 9).await, Err(IoError::Failed(_))));
    assert!(matches!(store.io().blocking_read(&input, 9).await, Err(IoError::Closed)));
}

#[tokio::test]
async fn what_a_half_wrote_comes_before_a_framed_write() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    let output = store.net().write_stream(&stream).unwrap();
    let bulk = pattern(8 << 20);
    let reader = tokio::spawn(async move {
        let mut got = vec![0; (8 << 20) + 8];
        peer.read_exact(&mut got).await.unwrap();
        got
    });
    let mut written = 0;
    while written < bulk.len() {
        let room = store.io().check_write(&output).unwrap() as usize;
        let piece = &bulk[written..(written + room).min(bulk.len())];
        store.io().write(&output, bytes::Bytes::copy_from_slice(piece)).unwrap();
        written += piece.len();
        tokio::task::yield_now().await;
    }
    store.net().write(&stream, b"last").await.unwrap();
    let got = reader.await.unwrap();
    assert!(got[..8 << 20] == bulk && got[8 << 20..] == frame(b"last"));
}

// net case 41
#[tokio::test]
async fn splicing_moves_exact_bytes_without_the_guest() {
    let mut store = store();
    let (a, mut source) = store.pair().await;
    let (b, mut sink) = store.pair().await;
    let input = store.net().read_stream(&a).unwrap();
    let output = store.net().write_stream(&b).unwrap();
    let bytes = pattern(100 << 20);
    let sent = bytes.clone();
    let writer = tokio::spawn(async move {
        source.write_all(&sent).await.unwrap();
    });
    let reader = tokio::spawn(async move {
        let mut got = vec![0; 100 << 20];
        sink.read_exact(&mut got).await.unwrap();
        got
    });
    let (mut moved, mut calls) = (0, 0);
    while moved < bytes.len() as u64 {
        let n = store.io().blocking_splice(&output, &input, 1 << 20).await.unwrap();
        assert!((1..=1 << 20).contains(&n));
        moved += n;
        calls += 1;
    }
    // A call moves what is there: in full pieces a hundred, more where a busy machine brings them by halves
    // and quarters. Pieces of 64 KiB would be 1,600.
    assert!(calls < 1_000, "{calls} calls");
    writer.await.unwrap();
    assert!(reader.await.unwrap() == bytes);
}

// net case 41
#[tokio::test]
async fn a_stalled_sink_gives_no_permit_and_wakes_when_it_reads_again() {
    let mut store = store();
    let (a, mut source) = store.pair().await;
    let (b, mut sink) = store.pair().await;
    let input = store.net().read_stream(&a).unwrap();
    let output = store.net().write_stream(&b).unwrap();
    let writer = tokio::spawn(async move {
        let _ = source.write_all(&pattern(64 << 20)).await;
    });
    let mut moved = 0;
    loop {
        let splice = async { store.io().blocking_splice(&output, &input, 1 << 20).await.unwrap() };
        match tokio::time::timeout(Duration::from_millis(300), splice).await {
            Ok(n) => moved += n as usize,
            // That nothing moves may also be the machine's doing.
            Err(_) if store.io().check_write(&output).unwrap() > 0 => {}
            Err(_) => break,
        }
    }
    let ready = store.io().subscribe_output(&output).unwrap();
    assert!(!store.io().ready(&ready).unwrap());
    let drain = tokio::spawn(async move {
        let mut got = vec![0; moved];
        sink.read_exact(&mut got).await.unwrap();
        (sink, got)
    });
    store.io().block(&ready).await.unwrap();
    assert!(store.io().check_write(&output).unwrap() > 0);
    let (_sink, got) = drain.await.unwrap();
    assert!(got == pattern(64 << 20)[..moved]);
    writer.abort();
}

// net case 42
#[tokio::test]
async fn readiness_follows_bytes_frames_and_the_end_and_costs_nothing_idle() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    peer.set_nodelay(true).unwrap();
    let readable = store.net().subscribe_readable(&stream).unwrap();
    assert!(!store.io().ready(&readable).unwrap());
    send(&mut peer, &frame(b"abc")[..5]).await;
    store.io().block(&readable).await.unwrap();
    assert!(store.io().ready(&readable).unwrap());
    // Part of a frame that a framed read holds does not count, or a loop over reads would spin.
    assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Pending);
    assert!(!store.io().ready(&readable).unwrap());
    send(&mut peer, &frame(b"abc")[5..]).await;
    store.io().block(&readable).await.unwrap();
    assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Data(b"abc".to_vec()));
    assert!(!store.io().ready(&readable).unwrap());
    drop(peer);
    store.io().block(&readable).await.unwrap();
    assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Closed);
    assert!(store.io().ready(&readable).unwrap());
    store.drop_stream(stream);
    assert!(matches!(store.io().block(&readable).await, Err(IoError::Closed)));
}

// net case 42
#[tokio::test]
async fn a_poll_over_eight_streams_wakes_exactly_the_readable_ones() {
    let mut store = store();
    let mut peers = Vec::new();
    let mut pollables = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..8 {
        let (stream, peer) = store.pair().await;
        pollables.push(store.net().subscribe_readable(&stream).unwrap());
        peers.push(peer);
        streams.push(stream);
    }
    send(&mut peers[2], b"x").await;
    send(&mut peers[5], b"x").await;
    for n in [2, 5] {
        store.io().block(&pollables[n]).await.unwrap();
    }
    assert_eq!(store.io().poll(&pollables).await.unwrap(), [2, 5]);
    for n in [2, 5] {
        store.net().read_bytes(&streams[n], 9).await.unwrap();
    }
    let late = async {
        tokio::task::yield_now().await;
        send(&mut peers[7], b"x").await;
    };
    let mut io = store.io();
    let (found, ()) = tokio::join!(io.poll(&pollables), late);
    assert_eq!(found.unwrap(), [7]);
}
