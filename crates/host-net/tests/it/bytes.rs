//! Byte reads and writes, peeks, shutdowns.

use std::net::Shutdown;

use crate::common::*;
use astrid_host_context::{Failure, Outcome};
use astrid_host_net::{Error, FrameRead, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

// net case 20
#[tokio::test]
async fn bytes_come_in_pieces_and_an_end_is_an_empty_list_again_and_again() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    send(&mut peer, b"0123456789").await;
    assert_eq!(store.net().read_bytes(&stream, 4).await.unwrap(), b"0123");
    assert_eq!(store.net().read_bytes(&stream, 4).await.unwrap(), b"4567");
    assert_eq!(store.net().read_bytes(&stream, 0).await.unwrap(), b"");
    assert_eq!(store.net().read_bytes(&stream, 4).await.unwrap(), b"89");
    drop(peer);
    for _ in 0..2 {
        assert_eq!(store.net().read_bytes(&stream, 4).await.unwrap(), b"");
    }
}

// net case 20
#[tokio::test(start_paused = true)]
async fn an_idle_byte_read_would_block_and_an_unload_is_no_end_of_file() {
    let mut store = store();
    let (stream, _peer) = store.pair().await;
    store.net().set_read_timeout(&stream, Some(50)).unwrap();
    assert!(matches!(store.net().read_bytes(&stream, 1).await, Err(Error::WouldBlock)));
    assert!(matches!(store.net().peek(&stream, 1).await, Err(Error::WouldBlock)));
    store.net().set_read_timeout(&stream, None).unwrap();
    let token = store.host.cancellation();
    let mut net = store.net();
    let unload = async {
        tokio::task::yield_now().await;
        token.cancel();
    };
    let (found, ()) = tokio::join!(net.read_bytes(&stream, 1), unload);
    assert_eq!(found.unwrap_err().outcome(), Outcome::Cancelled("cancelled"));
}

#[tokio::test]
async fn a_reset_is_reported_once_by_byte_reads() {
    let mut store = store();
    let (stream, peer) = store.pair().await;
    reset(peer);
    assert!(matches!(store.net().read_bytes(&stream, 1).await, Err(Error::Reset)));
    assert_eq!(store.net().read_bytes(&stream, 1).await.unwrap(), b"");
}

// net case 21
#[tokio::test]
async fn a_huge_request_gets_a_bounded_answer_and_nothing_is_lost() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    let bytes = pattern(30 << 20);
    let sent = bytes.clone();
    let sender = tokio::spawn(async move {
        peer.write_all(&sent).await.unwrap();
    });
    let mut got = Vec::new();
    while got.len() < bytes.len() {
        let piece = store.net().read_bytes(&stream, u32::MAX).await.unwrap();
        assert!((1..=limits::MAX_FRAME).contains(&piece.len()));
        got.extend(piece);
    }
    sender.await.unwrap();
    assert!(got == bytes);
}

// net case 21
#[tokio::test]
async fn a_large_write_is_taken_in_parts_that_add_up() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    let bytes = pattern(64 << 20);
    let reader = tokio::spawn(async move { rest(&mut peer).await });
    let first = store.net().write_bytes(&stream, &bytes).await.unwrap() as usize;
    assert!((1..bytes.len()).contains(&first));
    let mut done = first;
    while done < bytes.len() {
        done += store.net().write_bytes(&stream, &bytes[done..]).await.unwrap() as usize;
    }
    assert_eq!(store.net().write_bytes(&stream, b"").await.unwrap(), 0);
    store.drop_stream(stream);
    assert!(reader.await.unwrap() == bytes);
}

#[tokio::test]
async fn a_byte_write_without_progress_would_block() {
    let mut store = store();
    let (stream, _peer) = store.pair().await;
    store.net().set_write_timeout(&stream, Some(30)).unwrap();
    let bytes = pattern(1 << 20);
    let error = loop {
        if let Err(error) = store.net().write_bytes(&stream, &bytes).await {
            break error;
        }
    };
    assert!(matches!(error, Error::WouldBlock), "{error:?}");
}

// net case 22
#[tokio::test]
async fn a_peek_takes_nothing_and_sees_what_a_framed_read_left() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    send(&mut peer, b"hello").await;
    for _ in 0..2 {
        assert_eq!(store.net().peek(&stream, 5).await.unwrap(), b"hello");
    }
    assert_eq!(store.net().read_bytes(&stream, 5).await.unwrap(), b"hello");
    let half = &frame(b"frame")[..7];
    send(&mut peer, half).await;
    assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Pending);
    assert_eq!(store.net().peek(&stream, 99).await.unwrap(), half);
    send(&mut peer, b"me").await;
    let whole = loop {
        match store.net().read(&stream).await.unwrap() {
            FrameRead::Data(whole) => break whole,
            FrameRead::Pending => {}
            FrameRead::Closed => panic!("the stream is open"),
        }
    };
    assert_eq!(whole, b"frame");
}

// net case 23
#[tokio::test]
async fn each_direction_shuts_by_itself_and_twice() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    store.net().shutdown(&stream, Shutdown::Write).await.unwrap();
    assert_eq!(rest(&mut peer).await, b"");
    send(&mut peer, b"still").await;
    assert_eq!(store.net().read_bytes(&stream, 9).await.unwrap(), b"still");
    assert!(matches!(store.net().write(&stream, b"x").await, Err(Error::Closed)));
    assert!(matches!(store.net().write_bytes(&stream, b"x").await, Err(Error::Closed)));
    store.net().shutdown(&stream, Shutdown::Read).await.unwrap();
    assert_eq!(store.net().read_bytes(&stream, 9).await.unwrap(), b"");
    for _ in 0..2 {
        store.net().shutdown(&stream, Shutdown::Both).await.unwrap();
    }
    drop(peer);
    store.net().shutdown(&stream, Shutdown::Both).await.unwrap();
    assert!(store.net().local_addr(&stream).unwrap().starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn a_shutdown_lets_written_bytes_through_first() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    store.net().write(&stream, &pattern(100_000)).await.unwrap();
    store.net().shutdown(&stream, Shutdown::Write).await.unwrap();
    let mut got = vec![0; 100_004];
    peer.read_exact(&mut got).await.unwrap();
    assert!(got == frame(&pattern(100_000)));
}
