//! `input-stream`.

use std::io::ErrorKind;
use std::time::Duration;

use crate::common::state;
use astrid_host_io::{IoTable, IoView};
use tokio::time::{Instant, sleep};

const MIB: usize = 1024 * 1024;

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i % 251) as u8).collect()
}

// io case 18
#[test]
fn a_read_gives_what_is_there_and_nothing_when_nothing_is() {
    let mut s = state();
    let (feed, stream) = s.input();
    assert!(s.io().read(&stream, 10).unwrap().is_empty());
    feed.send(&b"four"[..]);
    assert_eq!(s.io().read(&stream, 10).unwrap(), b"four");
    assert!(s.io().read(&stream, 10).unwrap().is_empty());
}

// io case 19
#[test]
fn the_call_after_the_last_byte_is_closed_and_stays_closed() {
    let mut s = state();
    let (feed, stream) = s.input();
    feed.send(&b"abc"[..]);
    feed.end();
    assert_eq!(s.io().read(&stream, 10).unwrap(), b"abc");
    closed!(s.io().read(&stream, 10));
    closed!(s.io().read(&stream, 0));
    closed!(s.io().skip(&stream, 1));
}

// io case 20
#[test]
fn a_read_of_zero_only_tells_the_state() {
    let mut s = state();
    let (feed, stream) = s.input();
    assert!(s.io().read(&stream, 0).unwrap().is_empty());
    feed.send(&b"abc"[..]);
    assert!(s.io().read(&stream, 0).unwrap().is_empty());
    assert_eq!(feed.left(), 3);
    assert_eq!(s.io().read(&stream, 3).unwrap(), b"abc");
    feed.fail(ErrorKind::ConnectionReset);
    failed!(s.io().read(&stream, 0), "connection reset");
    closed!(s.io().read(&stream, 0));
}

// io case 21
#[test]
fn no_length_moves_more_than_a_mebibyte_or_traps_and_all_bytes_come_in_order() {
    let mut s = state();
    let (feed, stream) = s.input();
    let sent = pattern(5 * MIB);
    for chunk in sent.chunks(300_000) {
        feed.send(chunk.to_vec());
    }
    let mut got = Vec::new();
    for len in [MIB as u64 - 1, MIB as u64, MIB as u64 + 1, u64::MAX] {
        let part = s.io().read(&stream, len).unwrap();
        assert_eq!(part.len() as u64, len.min(MIB as u64));
        got.extend(part);
    }
    loop {
        let part = s.io().read(&stream, u64::MAX).unwrap();
        if part.is_empty() {
            break;
        }
        got.extend(part);
    }
    assert!(got == sent);
}

// io case 22
#[tokio::test(start_paused = true)]
async fn a_blocking_read_parks_until_bytes_arrive() {
    let mut s = state();
    let (feed, stream) = s.input();
    let start = Instant::now();
    let mut io = s.io();
    let (got, ()) = tokio::join!(io.blocking_read(&stream, 5), async {
        sleep(Duration::from_millis(30)).await;
        feed.send(&b"ab"[..]);
    });
    assert_eq!(got.unwrap(), b"ab");
    assert_eq!(start.elapsed(), Duration::from_millis(30));
}

// io case 23
#[tokio::test]
async fn a_hundred_wake_ups_in_vain_never_become_an_error() {
    let mut s = state();
    let (feed, stream) = s.input();
    let mut io = s.io();
    let (got, ()) = tokio::join!(io.blocking_read(&stream, 1), async {
        for _ in 0..100 {
            feed.spurious();
            tokio::task::yield_now().await;
        }
        feed.send(&b"x"[..]);
    });
    assert_eq!(got.unwrap(), b"x");
    assert!(feed.parked() >= 100);
}

// io case 24
#[tokio::test]
async fn a_blocking_read_of_zero_waits_for_data_and_leaves_it() {
    let mut s = state();
    let (feed, stream) = s.input();
    let mut io = s.io();
    let (got, ()) = tokio::join!(io.blocking_read(&stream, 0), async { feed.send(&b"x"[..]) });
    assert!(got.unwrap().is_empty());
    assert_eq!(feed.left(), 1);
    assert!(feed.parked() > 0);
}

// io case 25
#[tokio::test]
async fn a_parked_read_that_the_token_ends_has_failed_and_then_is_closed() {
    let mut s = state();
    let (_feed, stream) = s.input();
    let token = s.host.cancellation();
    let mut io = s.io();
    let (got, ()) = tokio::join!(io.blocking_read(&stream, 1), async { token.cancel() });
    failed!(got, "cancelled: capsule unloading");
    closed!(s.io().read(&stream, 1));
    closed!(s.io().skip(&stream, 1));
    closed!(s.io().blocking_read(&stream, 1).await);
}

// io case 26
#[tokio::test]
async fn after_the_token_fired_a_plain_read_is_closed_and_a_blocking_one_has_failed() {
    let mut s = state();
    let ((with_data, touched), (_feed, fresh)) = (s.input(), s.input());
    with_data.send(&b"data"[..]);
    s.host.cancellation().cancel();
    closed!(s.io().read(&touched, 1));
    failed!(s.io().blocking_read(&fresh, 1).await, "cancelled");
    closed!(s.io().blocking_read(&fresh, 1).await);
    let p = s.io().subscribe_input(&fresh).unwrap();
    assert!(s.io().ready(&p).unwrap());
}

// io case 27
#[test]
fn a_failure_is_reported_once_behind_the_bytes_before_it() {
    let mut s = state();
    let (feed, stream) = s.input();
    feed.send(&b"four"[..]);
    feed.fail(ErrorKind::ConnectionReset);
    assert_eq!(s.io().read(&stream, 10).unwrap(), b"four");
    let Err(astrid_host_io::Error::Failed(cause)) = s.io().read(&stream, 10) else {
        panic!("no failure");
    };
    let error = s.host.cx().push_error(cause).unwrap();
    closed!(s.io().read(&stream, 10));
    assert!(feed.is_dropped());
    s.io().drop_resource(stream).unwrap();
    assert_eq!(s.io().debug_string(&error).unwrap(), "connection reset");
}

// io case 28
#[tokio::test]
async fn skip_discards_in_order_and_counts() {
    let mut s = state();
    let (feed, stream) = s.input();
    feed.send(&b"abcde"[..]);
    assert_eq!(s.io().skip(&stream, 3).unwrap(), 3);
    assert_eq!(s.io().read(&stream, 9).unwrap(), b"de");
    assert_eq!(s.io().skip(&stream, 9).unwrap(), 0);
    feed.send(&b"1234567"[..]);
    assert_eq!(s.io().skip(&stream, u64::MAX).unwrap(), 7);
    let mut io = s.io();
    let (skipped, ()) = tokio::join!(io.blocking_skip(&stream, 4), async { feed.send(&b"x"[..]) });
    assert_eq!(skipped.unwrap(), 1);
}

// §2.6: cancelling a wait loses nothing
#[tokio::test]
async fn a_wait_that_is_dropped_loses_no_byte() {
    let mut s = state();
    let (feed, stream) = s.input();
    {
        let mut io = s.io();
        let mut wait = std::pin::pin!(io.blocking_read(&stream, 4));
        assert!(futures_util::poll!(wait.as_mut()).is_pending());
        feed.send(&b"kept"[..]);
    }
    assert_eq!(s.io().read(&stream, 9).unwrap(), b"kept");
}

// §2.5: waiting uses the token of the call, so a principal released earlier does not end another's stream
#[tokio::test]
async fn a_stream_serves_the_principal_of_each_call() {
    let mut s = state();
    let (feed, stream) = s.input();
    s.host.cancellation().retire();
    s.host.serve("bob");
    feed.send(&b"for bob"[..]);
    assert_eq!(s.io().blocking_read(&stream, 99).await.unwrap(), b"for bob");
    let last = s.host.recorder().audited().pop().unwrap();
    assert_eq!(last.principal.unwrap().as_str(), "bob");
}

// §2.5: a deadline interrupts like the token, and no guest mistakes it for a clean end
#[tokio::test(start_paused = true)]
async fn a_deadline_fails_a_parked_read() {
    let mut s = crate::common::with(astrid_host_testkit::FakeHost::builder().timeout(Duration::from_secs(2)));
    let (_feed, stream) = s.input();
    failed!(s.io().blocking_read(&stream, 1).await, "deadline");
    closed!(s.io().blocking_read(&stream, 1).await);
    let outcomes: Vec<_> = s.events().into_iter().map(|event| event.3.unwrap()).collect();
    assert_eq!(outcomes, ["deadline", "closed"]);
}

// §2.2, §2.1: with the table full there is no handle left to give, and still no trap
#[test]
fn a_failure_that_finds_the_table_full_is_closed() {
    use astrid_host_io::v1_0::astrid::io::streams::{Host, StreamError};
    let mut s = state();
    let (feed, stream) = s.input();
    while s.host.cx().push_error(astrid_host_io::IoError::new("filler")).is_ok() {}
    feed.fail(ErrorKind::ConnectionReset);
    let failure = s.io().read(&stream, 1).unwrap_err();
    assert!(matches!(s.io().convert_stream_error(failure).unwrap(), StreamError::Closed));
}
