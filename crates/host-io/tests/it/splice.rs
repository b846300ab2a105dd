//! `splice` and `blocking-splice`.

use std::io::ErrorKind;
use std::time::Duration;

use crate::common::state;
use astrid_host_io::{Error, IoView};
use bytes::Bytes;
use tokio::time::{Instant, sleep};

const MIB: usize = 1024 * 1024;

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i % 251) as u8).collect()
}

// io case 41
#[test]
fn a_splice_moves_the_least_of_what_is_asked_there_and_taken() {
    let mut s = state();
    let (sink, out) = s.output();
    let (feed, input) = s.input();
    assert_eq!(s.io().splice(&out, &input, 10).unwrap(), 0);
    feed.send(pattern(10));
    sink.stall_after(0);
    assert_eq!(s.io().splice(&out, &input, 10).unwrap(), 0);
    assert_eq!(feed.left(), 10);
    sink.stall_after(100);
    assert_eq!(s.io().splice(&out, &input, 4).unwrap(), 4);
    assert_eq!((sink.got(), feed.left()), (pattern(4), 6));
    // The remembered permit is what is left of the splice's own.
    s.io().write(&out, pattern(96).into()).unwrap();
    assert!(matches!(s.io().write(&out, pattern(1).into()), Err(Error::Overdrawn { permit: 0, .. })));
}

// io case 42
#[test]
fn a_splice_moves_at_most_a_mebibyte_a_call_and_all_of_it_in_order() {
    let mut s = state();
    let (sink, out) = s.output();
    let (feed, input) = s.input();
    let sent = pattern(5 * MIB);
    for chunk in sent.chunks(700_001) {
        feed.send(chunk.to_vec());
    }
    let mut total = 0;
    while total < sent.len() as u64 {
        let moved = s.io().splice(&out, &input, 5 * MIB as u64).unwrap();
        assert!((1..=MIB as u64).contains(&moved));
        total += moved;
    }
    assert!(sink.got() == sent);
}

// io case 43
#[test]
fn a_sink_that_closes_at_the_hand_over_loses_no_byte_of_the_source() {
    let mut s = state();
    let (sink, out) = s.output();
    let (feed, input) = s.input();
    feed.send(pattern(10));
    sink.close_at_push();
    closed!(s.io().splice(&out, &input, 10));
    assert_eq!(s.io().read(&input, 99).unwrap(), pattern(10));
}

// io case 43, behind the first chunk: what was moved is counted, the rest stays, the end comes next
#[test]
fn a_sink_that_closes_between_two_chunks_reports_it_with_the_next_call() {
    let mut s = state();
    let (sink, out) = s.output();
    let (feed, input) = s.input();
    feed.send(pattern(5));
    assert_eq!(s.io().splice(&out, &input, 10).unwrap(), 5);
    feed.send(pattern(5));
    sink.fail(ErrorKind::ConnectionReset);
    failed!(s.io().splice(&out, &input, 10), "connection reset");
    closed!(s.io().splice(&out, &input, 10));
    assert_eq!(feed.left(), 5);
}

// io case 44
#[test]
fn a_source_that_ended_leaves_the_sink_usable() {
    let mut s = state();
    let (_sink, out) = s.output();
    let (feed, input) = s.input();
    feed.send(pattern(3));
    feed.end();
    assert_eq!(s.io().splice(&out, &input, 10).unwrap(), 3);
    closed!(s.io().splice(&out, &input, 10));
    assert!(s.io().check_write(&out).unwrap() > 0);
}

// §2.7: the sink's state is inspected first
#[test]
fn with_both_sides_failed_the_sink_speaks_first_and_the_source_keeps_its_failure() {
    let mut s = state();
    let (sink, out) = s.output();
    let (feed, input) = s.input();
    sink.fail(ErrorKind::TimedOut);
    feed.fail(ErrorKind::ConnectionReset);
    failed!(s.io().splice(&out, &input, 1), "timed out");
    closed!(s.io().splice(&out, &input, 1));
    failed!(s.io().read(&input, 1), "connection reset");
}

// io case 45
#[tokio::test(start_paused = true)]
async fn a_blocking_splice_waits_for_both_sides() {
    let mut s = state();
    let (sink, out) = s.output();
    let (feed, input) = s.input();
    sink.stall_after(0);
    let start = Instant::now();
    let mut io = s.io();
    let (moved, ()) = tokio::join!(io.blocking_splice(&out, &input, 100), async {
        sleep(Duration::from_millis(20)).await;
        feed.send(pattern(7));
        sleep(Duration::from_millis(40)).await;
        sink.unblock(1000);
    });
    assert_eq!(moved.unwrap(), 7);
    assert_eq!(start.elapsed(), Duration::from_millis(60));
    assert_eq!(sink.flushes(), 0);
    assert_eq!(s.io().blocking_splice(&out, &input, 0).await.unwrap(), 0);
}

// io case 45
#[tokio::test]
async fn an_end_of_either_side_or_the_token_ends_a_blocking_splice() {
    let mut s = state();
    let (sink, out) = s.output();
    let (feed, input) = s.input();
    sink.stall_after(0);
    let mut io = s.io();
    let (moved, ()) = tokio::join!(io.blocking_splice(&out, &input, 100), async { feed.end() });
    closed!(moved);

    let (feed, input) = s.input();
    let mut io = s.io();
    let (moved, ()) = tokio::join!(io.blocking_splice(&out, &input, 100), async {
        feed.send(pattern(5));
        sink.fail(ErrorKind::ConnectionReset);
    });
    failed!(moved, "connection reset");
    assert_eq!(feed.left(), 5);

    let (_sink, out) = s.output();
    let (_feed, input) = s.input();
    let token = s.host.cancellation();
    let mut io = s.io();
    let (moved, ()) = tokio::join!(io.blocking_splice(&out, &input, 100), async { token.cancel() });
    failed!(moved, "cancelled");
    closed!(s.io().blocking_splice(&out, &input, 100).await);
}

// a source or sink that the host tore down ends the wait too
#[tokio::test]
async fn a_source_that_is_torn_down_closes_a_blocking_splice() {
    let mut s = state();
    let (_sink, out) = s.output();
    let (feed, input) = s.input();
    let mut io = s.io();
    let (moved, ()) = tokio::join!(io.blocking_splice(&out, &input, 100), async { feed.tear_down() });
    closed!(moved);
    closed!(s.io().read(&input, 1));
}

// io case 46
#[test]
fn two_sources_spliced_in_turn_keep_every_byte_and_each_ones_order() {
    let mut s = state();
    let (sink, out) = s.output();
    let (even, a) = s.input();
    let (odd, b) = s.input();
    let mut sent = [0u64; 2];
    for call in 0..10_000u64 {
        let which = (call % 2) as usize;
        let n = (call * 7919 % 13) as usize;
        // Source 0 sends a rising count of even bytes, source 1 of odd ones.
        let bytes: Vec<u8> =
            (0..n as u64).map(|i| (((sent[which] + i) % 128) * 2) as u8 + which as u8).collect();
        sent[which] += n as u64;
        [&even, &odd][which].send(bytes);
        s.io().splice(&out, [&a, &b][which], call % 17).unwrap();
    }
    for (input, feed) in [(&a, &even), (&b, &odd)] {
        while feed.left() > 0 {
            s.io().splice(&out, input, u64::MAX).unwrap();
        }
    }
    for which in 0..2u8 {
        let got: Vec<u8> = sink.got().into_iter().filter(|byte| byte % 2 == which).collect();
        assert_eq!(got.len() as u64, sent[which as usize]);
        assert!(got.iter().enumerate().all(|(i, byte)| *byte == ((i % 128) * 2) as u8 + which));
    }
}

// §4: reference-counted chunks move, their bytes do not
#[test]
fn a_splice_hands_the_chunk_itself_on() {
    use std::sync::Arc;

    use astrid_host_io::{HostOutput, IoTable, Readiness, ReadyState, StreamFailure};
    use parking_lot::Mutex;

    struct Keep(Arc<Mutex<Vec<Bytes>>>);
    impl Readiness for Keep {
        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<ReadyState> {
            std::task::Poll::Ready(ReadyState::Ready)
        }
    }
    impl HostOutput for Keep {
        fn capacity(&mut self) -> Result<usize, StreamFailure> {
            Ok(usize::MAX)
        }
        fn push(&mut self, bytes: Bytes) -> Result<(), StreamFailure> {
            self.0.lock().push(bytes);
            Ok(())
        }
        fn start_flush(&mut self) -> Result<(), StreamFailure> {
            Ok(())
        }
        fn poll_flush(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), StreamFailure>> {
            std::task::Poll::Ready(Ok(()))
        }
    }

    let mut s = state();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let out = s.host.cx().push_output(Keep(kept.clone())).unwrap();
    let (feed, input) = s.input();
    let chunk = Bytes::from(pattern(1000));
    feed.send(chunk.clone());
    s.io().splice(&out, &input, 600).unwrap();
    assert_eq!(kept.lock()[0].as_ptr(), chunk.as_ptr());
}
