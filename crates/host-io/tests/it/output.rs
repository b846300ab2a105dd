//! `output-stream`, without splice.

use std::cell::Cell;
use std::io::ErrorKind;
use std::time::Duration;

use crate::common::{state, with};
use astrid_host_io::limits::{MAX_PERMIT, STREAMS};
use astrid_host_io::{Error, IoCtx, IoView, Phrase, StreamFailure};
use bytes::Bytes;
use tokio::time::{Instant, sleep};

const MIB: usize = 1024 * 1024;

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i % 251) as u8).collect()
}

// io case 31
#[test]
fn a_permit_covers_exactly_its_bytes() {
    let mut s = state();
    let (sink, stream) = s.output();
    for less in [1, 0] {
        let permit = s.io().check_write(&stream).unwrap();
        assert!((1..=MAX_PERMIT as u64).contains(&permit));
        s.io().write(&stream, pattern(permit as usize - less).into()).unwrap();
    }
    assert_eq!(sink.got().len(), 2 * MAX_PERMIT - 1);
    let permit = s.io().check_write(&stream).unwrap();
    let over = s.io().write(&stream, pattern(permit as usize + 1).into());
    assert!(matches!(over, Err(Error::Overdrawn { len, .. }) if len == permit + 1));
    assert_eq!(sink.got().len(), 2 * MAX_PERMIT - 1);
}

// io case 32
#[test]
fn a_write_without_a_permit_traps_and_an_empty_one_does_not() {
    let mut s = state();
    let (_sink, stream) = s.output();
    assert!(matches!(
        s.io().write(&stream, Bytes::from_static(b"x")),
        Err(Error::Overdrawn { permit: 0, .. })
    ));
    s.io().write(&stream, Bytes::new()).unwrap();
}

// io case 33
#[test]
fn several_writes_share_one_permit_until_it_is_used_up() {
    let mut s = state();
    let (sink, stream) = s.output();
    sink.stall_after(100);
    assert_eq!(s.io().check_write(&stream).unwrap(), 100);
    s.io().write(&stream, pattern(60).into()).unwrap();
    s.io().write(&stream, pattern(40).into()).unwrap();
    assert!(matches!(s.io().write(&stream, pattern(1).into()), Err(Error::Overdrawn { .. })));
}

// io case 34
#[tokio::test]
async fn a_stalled_sink_gives_no_permit_until_it_drains() {
    let mut s = state();
    let (sink, stream) = s.output();
    let p = s.io().subscribe_output(&stream).unwrap();
    sink.stall_after(MAX_PERMIT);
    let permit = s.io().check_write(&stream).unwrap();
    assert_eq!(permit as usize, MAX_PERMIT);
    s.io().write(&stream, pattern(MAX_PERMIT).into()).unwrap();
    assert_eq!(s.io().check_write(&stream).unwrap(), 0);
    assert!(!s.io().ready(&p).unwrap());
    let mut io = s.io();
    let (woken, ()) = tokio::join!(io.block(&p), async { sink.unblock(10) });
    woken.unwrap();
    assert_eq!(s.io().check_write(&stream).unwrap(), 10);
}

// io case 35
#[test]
fn a_flush_holds_writes_back_until_it_is_done_and_is_a_no_op_with_nothing_pending() {
    let mut s = state();
    let (sink, stream) = s.output();
    let p = s.io().subscribe_output(&stream).unwrap();
    sink.block_flush(true);
    s.io().check_write(&stream).unwrap();
    s.io().write(&stream, pattern(10).into()).unwrap();
    s.io().flush(&stream).unwrap();
    assert_eq!(s.io().check_write(&stream).unwrap(), 0);
    assert!(!s.io().ready(&p).unwrap());
    s.io().flush(&stream).unwrap();
    assert_eq!(sink.flushes(), 1);
    sink.block_flush(false);
    assert!(s.io().ready(&p).unwrap());
    assert!(s.io().check_write(&stream).unwrap() > 0);
    s.io().flush(&stream).unwrap();
    assert!(s.io().check_write(&stream).unwrap() > 0);
    assert_eq!(sink.flushes(), 1);
}

// io case 36
#[test]
fn a_peer_that_reads_no_more_closes_the_stream_for_every_method() {
    let mut s = state();
    let (sink, stream) = s.output();
    let permit = s.io().check_write(&stream).unwrap();
    sink.close();
    closed!(s.io().write(&stream, pattern(permit as usize).into()));
    for _ in 0..2 {
        closed!(s.io().check_write(&stream));
        closed!(s.io().flush(&stream));
        closed!(s.io().write(&stream, Bytes::new()));
        closed!(s.io().write_zeroes(&stream, 1));
    }
    let p = s.io().subscribe_output(&stream).unwrap();
    assert!(s.io().ready(&p).unwrap());
}

// io case 37
#[tokio::test]
async fn a_failure_during_a_background_flush_is_the_next_methods_and_then_closed() {
    for blocked_wait in [false, true] {
        let mut s = state();
        let (sink, stream) = s.output();
        let p = s.io().subscribe_output(&stream).unwrap();
        sink.block_flush(true);
        s.io().check_write(&stream).unwrap();
        s.io().write(&stream, pattern(10).into()).unwrap();
        s.io().flush(&stream).unwrap();
        sink.fail(ErrorKind::ConnectionReset);
        if blocked_wait {
            // The pollable meets the failure first and must leave it for the method.
            s.io().block(&p).await.unwrap();
        }
        failed!(s.io().check_write(&stream), "connection reset");
        closed!(s.io().check_write(&stream));
        closed!(s.io().blocking_flush(&stream).await);
    }
}

// io case 38
#[tokio::test]
async fn a_blocking_write_sends_any_length_and_lets_others_run() {
    for n in [0, 4096, 4097, 16 * MIB] {
        let mut s = state();
        let (sink, stream) = s.output();
        let sent = pattern(n);
        let done = Cell::new(false);
        let most_between_turns = Cell::new(0);
        let mut io = s.io();
        let write = async {
            io.blocking_write_and_flush(&stream, sent.clone().into()).await.unwrap();
            done.set(true);
        };
        let other = async {
            let mut last = 0;
            while !done.get() {
                let now = sink.got().len();
                most_between_turns.set(most_between_turns.get().max(now - last));
                last = now;
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(write, other);
        assert!(sink.got() == sent, "{n} bytes");
        assert!(most_between_turns.get() <= 2 * MIB);
        assert_eq!(s.events(), [("output-stream.blocking-write-and-flush", n as u64, "allowed", None)]);
    }
}

// §2.7: it uses its own permits, and one remembered from before is void
#[tokio::test]
async fn a_blocking_write_voids_the_remembered_permit() {
    let mut s = state();
    let (_sink, stream) = s.output();
    s.io().check_write(&stream).unwrap();
    s.io().blocking_write_and_flush(&stream, Bytes::from_static(b"x")).await.unwrap();
    assert!(matches!(
        s.io().write(&stream, Bytes::from_static(b"y")),
        Err(Error::Overdrawn { permit: 0, .. })
    ));
}

// io case 39
#[tokio::test(start_paused = true)]
async fn a_blocking_write_into_a_stalled_sink_fails_when_the_token_fires() {
    let mut s = state();
    let (sink, stream) = s.output();
    sink.stall_after(1000);
    let token = s.host.cancellation();
    let start = Instant::now();
    let mut io = s.io();
    let (result, ()) = tokio::join!(io.blocking_write_and_flush(&stream, pattern(MIB).into()), async {
        sleep(Duration::from_millis(30)).await;
        token.cancel();
    });
    failed!(result, "cancelled: capsule unloading");
    assert_eq!(start.elapsed(), Duration::from_millis(30));
    closed!(s.io().check_write(&stream));
    closed!(s.io().blocking_flush(&stream).await);
    assert_eq!(
        s.events()[0],
        ("output-stream.blocking-write-and-flush", 1000, "cancelled", Some("cancelled"))
    );
}

// io case 40
#[test]
fn write_zeroes_is_held_to_the_permit_like_any_write() {
    let mut s = state();
    let (sink, stream) = s.output();
    let permit = s.io().check_write(&stream).unwrap();
    s.io().write_zeroes(&stream, permit).unwrap();
    assert!(sink.got() == vec![0; permit as usize]);
    let permit = s.io().check_write(&stream).unwrap();
    assert!(matches!(s.io().write_zeroes(&stream, permit + 1), Err(Error::Overdrawn { .. })));
    assert!(matches!(s.io().write_zeroes(&stream, u64::MAX), Err(Error::Overdrawn { .. })));
}

// io case 40
#[tokio::test]
async fn an_endless_write_of_zeroes_is_cancelled_between_segments() {
    let mut s = state();
    let (sink, stream) = s.output();
    sink.count_only();
    let token = s.host.cancellation();
    let mut io = s.io();
    let (result, ()) = tokio::join!(io.blocking_write_zeroes_and_flush(&stream, u64::MAX), async {
        while sink.counted().0 < 8 * MIB as u64 {
            tokio::task::yield_now().await;
        }
        token.cancel();
    });
    failed!(result, "cancelled");
    assert!(sink.counted().0 < 64 * MIB as u64);
}

// §2.7: ok means that every earlier byte was handed on
#[tokio::test]
async fn a_blocking_flush_returns_when_the_transport_has_it_all() {
    let mut s = state();
    let (sink, stream) = s.output();
    sink.block_flush(true);
    s.io().check_write(&stream).unwrap();
    s.io().write(&stream, pattern(10).into()).unwrap();
    let done = Cell::new(false);
    let mut io = s.io();
    tokio::join!(
        async {
            io.blocking_flush(&stream).await.unwrap();
            done.set(true);
        },
        async {
            tokio::task::yield_now().await;
            assert!(!done.get());
            sink.block_flush(false);
        }
    );
}

// io case 49
#[tokio::test]
async fn what_a_dropped_stream_had_accepted_still_arrives() {
    let mut s = state();
    let (sink, stream) = s.output();
    sink.block_flush(true);
    s.io().check_write(&stream).unwrap();
    s.io().write(&stream, pattern(32 * 1024).into()).unwrap();
    s.io().drop_output(stream).unwrap();
    assert_eq!(s.held(&STREAMS), 0);
    assert!(!sink.is_dropped());
    sink.block_flush(false);
    while !sink.is_dropped() {
        tokio::task::yield_now().await;
    }
    assert!(sink.got() == pattern(32 * 1024));
}

// §2.7: for up to five seconds, or until the token fires
#[tokio::test(start_paused = true)]
async fn a_dropped_stream_gives_up_after_five_seconds_or_when_the_token_fires() {
    for cancelled in [false, true] {
        let mut s = with(astrid_host_testkit::FakeHost::builder());
        let (sink, stream) = s.output();
        sink.block_flush(true);
        s.io().check_write(&stream).unwrap();
        s.io().write(&stream, pattern(10).into()).unwrap();
        let start = Instant::now();
        s.io().drop_output(stream).unwrap();
        if cancelled {
            s.host.cancellation().cancel();
        }
        while !sink.is_dropped() {
            sleep(Duration::from_millis(1)).await;
        }
        let waited = start.elapsed().as_millis();
        assert!(if cancelled { waited < 10 } else { (5000..5010).contains(&waited) }, "{waited} ms");
    }
}

// an embedder may shorten the five seconds
#[tokio::test(start_paused = true)]
async fn a_shorter_grace_is_kept_to_and_a_longer_one_is_not_granted() {
    for (asked, granted) in [(1000, 1000..1010), (60_000, 5000..5010)] {
        let mut s = state();
        s.io = IoCtx::builder().drain_grace(Duration::from_millis(asked)).build();
        let (sink, stream) = s.output();
        sink.block_flush(true);
        s.io().check_write(&stream).unwrap();
        s.io().write(&stream, pattern(10).into()).unwrap();
        let start = Instant::now();
        s.io().drop_output(stream).unwrap();
        while !sink.is_dropped() {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(granted.contains(&start.elapsed().as_millis()), "{asked}");
    }
}

// a store that goes away closes its outputs as a drop does
#[tokio::test]
async fn a_store_that_ends_still_sends_what_its_streams_had_accepted() {
    let mut s = state();
    let (sink, stream) = s.output();
    sink.block_flush(true);
    s.io().check_write(&stream).unwrap();
    s.io().write(&stream, pattern(10).into()).unwrap();
    drop(s);
    assert!(!sink.is_dropped());
    sink.block_flush(false);
    while !sink.is_dropped() {
        tokio::task::yield_now().await;
    }
    assert_eq!(sink.flushes(), 1);
}

// §2.5: non-blocking methods called after the token fired
#[test]
fn after_the_token_fired_every_method_that_does_not_wait_is_closed() {
    let mut s = state();
    let (sink, stream) = s.output();
    s.io().check_write(&stream).unwrap();
    s.host.cancellation().cancel();
    closed!(s.io().write(&stream, Bytes::from_static(b"late")));
    closed!(s.io().write_zeroes(&stream, 1));
    closed!(s.io().check_write(&stream));
    closed!(s.io().flush(&stream));
    assert!(sink.got().is_empty());
    assert!(sink.is_dropped());
}

// §2.5: an error of the sink is reported once, whichever method meets it
#[tokio::test]
async fn a_failure_keeps_its_cause_and_phrase() {
    let mut s = state();
    let (sink, stream) = s.output();
    sink.finish(StreamFailure::Failed(astrid_host_io::IoError::with_phrase("handshake", Phrase::Tls)));
    failed!(s.io().blocking_write_and_flush(&stream, Bytes::from_static(b"x")).await, "tls error");
    closed!(s.io().blocking_write_and_flush(&stream, Bytes::from_static(b"x")).await);
    assert!(sink.is_dropped());
}
