//! Streams over what tokio and futures offer.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use crate::common::state;
use astrid_host_io::adapters::{AsyncReadInput, AsyncWriteOutput, ChunkInput};
use astrid_host_io::limits::MAX_PERMIT;
use astrid_host_io::{IoTable, IoView, ReadyState, readiness_fn};
use bytes::Bytes;
use futures_util::stream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf, duplex};

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i % 251) as u8).collect()
}

#[tokio::test]
async fn a_reader_gives_its_bytes_in_order_and_then_its_end() {
    let mut s = state();
    let (mut far, near) = duplex(1000);
    let stream = s.host.cx().push_input(AsyncReadInput::new(near)).unwrap();
    assert!(s.io().read(&stream, 10).unwrap().is_empty());
    let sent = pattern(300_000);
    let writer = tokio::spawn({
        let sent = sent.clone();
        async move { far.write_all(&sent).await.unwrap() }
    });
    let mut got = Vec::new();
    loop {
        match s.io().blocking_read(&stream, 7777).await {
            Ok(part) => {
                assert!(!part.is_empty());
                got.extend(part);
            }
            Err(error) => break closed!(Err::<(), _>(error)),
        }
    }
    assert!(got == sent);
    writer.await.unwrap();
    closed!(s.io().read(&stream, 0));
}

/// Counts how often it is asked, gives one byte, then breaks.
struct Breaking(Arc<AtomicUsize>);

impl AsyncRead for Breaking {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => {
                buf.put_slice(b"x");
                Poll::Ready(Ok(()))
            }
            _ => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

// §4: a stream nobody looks at holds at most its buffer
#[test]
fn a_reader_is_not_asked_before_somebody_looks_and_not_ahead_of_its_buffer() {
    let mut s = state();
    let asked = Arc::new(AtomicUsize::new(0));
    let stream = s.host.cx().push_input(AsyncReadInput::new(Breaking(asked.clone()))).unwrap();
    let p = s.io().subscribe_input(&stream).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    for _ in 0..10 {
        assert!(s.io().ready(&p).unwrap());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(s.io().read(&stream, 9).unwrap(), b"x");
    failed!(s.io().read(&stream, 9), "connection reset");
    closed!(s.io().read(&stream, 9));
}

#[test]
fn a_stream_of_chunks_hands_them_on_and_reports_its_error_once() {
    let mut s = state();
    let chunks = [Ok(Bytes::from_static(b"abc")), Ok(Bytes::new()), Ok(Bytes::from_static(b"defg"))];
    let body = stream::iter(chunks.into_iter().chain([Err(io::Error::from(io::ErrorKind::InvalidData))]));
    let stream = s.host.cx().push_input(ChunkInput::new(body)).unwrap();
    assert_eq!(s.io().read(&stream, 2).unwrap(), b"ab");
    assert_eq!(s.io().read(&stream, 99).unwrap(), b"cdefg");
    failed!(s.io().read(&stream, 99), "decoding failed");
    closed!(s.io().read(&stream, 99));
}

#[tokio::test]
async fn a_stream_of_nothing_but_empty_chunks_holds_no_worker() {
    let mut s = state();
    let empty = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::new()));
    let stream = s.host.cx().push_input(ChunkInput::new(empty)).unwrap();
    assert!(s.io().read(&stream, 9).unwrap().is_empty());
    let token = s.host.cancellation();
    let mut io = s.io();
    let (result, ()) = tokio::join!(io.blocking_read(&stream, 9), async {
        tokio::task::yield_now().await;
        token.cancel();
    });
    failed!(result, "cancelled");
}

// A request whose tail the transport did not take at once must still leave while the guest waits for the answer.
#[tokio::test]
async fn accepted_bytes_travel_on_without_further_calls() {
    let mut s = state();
    let (mut far, near) = duplex(100);
    let stream = s.host.cx().push_output(AsyncWriteOutput::new(near)).unwrap();
    let permit = s.io().check_write(&stream).unwrap();
    assert_eq!(permit as usize, MAX_PERMIT);
    let sent = pattern(MAX_PERMIT);
    s.io().write(&stream, sent.clone().into()).unwrap();
    assert!(s.io().check_write(&stream).unwrap() < permit);
    let mut got = vec![0; MAX_PERMIT];
    far.read_exact(&mut got).await.unwrap();
    assert!(got == sent);
}

// io case 34, over a transport
#[tokio::test]
async fn a_full_buffer_gives_no_permit_until_the_peer_reads() {
    let mut s = state();
    let (mut far, near) = duplex(16);
    let stream = s.host.cx().push_output(AsyncWriteOutput::new(near)).unwrap();
    let p = s.io().subscribe_output(&stream).unwrap();
    let mut accepted = 0;
    loop {
        let permit = s.io().check_write(&stream).unwrap();
        if permit == 0 {
            break;
        }
        s.io().write(&stream, pattern(permit as usize).into()).unwrap();
        accepted += permit as usize;
    }
    assert_eq!(accepted, MAX_PERMIT + 16);
    assert!(!s.io().ready(&p).unwrap());
    let mut io = s.io();
    let mut some = [0; 10];
    let (woken, read) = tokio::join!(io.block(&p), far.read_exact(&mut some));
    woken.unwrap();
    read.unwrap();
    assert!(s.io().check_write(&stream).unwrap() > 0);
}

// io case 36, over a transport
#[tokio::test]
async fn a_peer_that_went_away_closes_the_output() {
    let mut s = state();
    let (far, near) = duplex(16);
    let stream = s.host.cx().push_output(AsyncWriteOutput::new(near)).unwrap();
    let permit = s.io().check_write(&stream).unwrap();
    drop(far);
    closed!(s.io().write(&stream, pattern(permit as usize).into()));
    closed!(s.io().check_write(&stream));
}

// io case 37, over a transport: the peer goes away while a task is sending
#[tokio::test]
async fn a_peer_that_goes_away_while_bytes_are_sent_closes_the_output() {
    let mut s = state();
    let (far, near) = duplex(16);
    let stream = s.host.cx().push_output(AsyncWriteOutput::new(near)).unwrap();
    let mut io = s.io();
    let (result, ()) = tokio::join!(io.blocking_write_and_flush(&stream, pattern(1000).into()), async {
        tokio::task::yield_now().await;
        drop(far);
    });
    closed!(result);
}

// io case 38, over a transport
#[tokio::test]
async fn a_blocking_write_of_any_length_arrives_whole() {
    let mut s = state();
    let (mut far, near) = duplex(3000);
    let stream = s.host.cx().push_output(AsyncWriteOutput::new(near)).unwrap();
    let sent = pattern(1_000_000);
    let reader = tokio::spawn(async move {
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        got
    });
    s.io().blocking_write_and_flush(&stream, sent.clone().into()).await.unwrap();
    s.io().drop_output(stream).unwrap();
    assert!(reader.await.unwrap() == sent);
}

// io case 49, over a transport
#[tokio::test]
async fn a_dropped_output_is_sent_and_shut_down() {
    let mut s = state();
    let (mut far, near) = duplex(100);
    let stream = s.host.cx().push_output(AsyncWriteOutput::new(near)).unwrap();
    s.io().check_write(&stream).unwrap();
    s.io().write(&stream, pattern(32 * 1024).into()).unwrap();
    s.io().drop_output(stream).unwrap();
    let mut got = Vec::new();
    far.read_to_end(&mut got).await.unwrap();
    assert!(got == pattern(32 * 1024));
}

// §2.3: `ready` is exact however much of the task's budget is used up
#[tokio::test]
async fn probing_is_exact_when_the_tasks_budget_is_used_up() {
    let mut s = state();
    let mut passed = Box::pin(tokio::time::sleep(std::time::Duration::ZERO));
    passed.as_mut().await;
    let source = readiness_fn(move |cx| passed.as_mut().poll(cx).map(|()| ReadyState::Ready));
    let p = s.host.cx().push_pollable(source).unwrap();
    for _ in 0..10_000 {
        assert!(s.io().ready(&p).unwrap());
    }
}

// An embedder without a runtime of its own: the stream's own polls move the bytes.
#[test]
fn outside_a_runtime_a_stream_sends_when_it_is_asked() {
    use futures_util::FutureExt;
    let mut s = state();
    let (mut far, near) = duplex(10);
    let stream = s.host.cx().push_output(AsyncWriteOutput::new(near)).unwrap();
    let p = s.io().subscribe_output(&stream).unwrap();
    for _ in 0..2 {
        let permit = s.io().check_write(&stream).unwrap();
        s.io().write(&stream, pattern(permit as usize).into()).unwrap();
    }
    assert!(!s.io().ready(&p).unwrap());
    let mut some = [0; 10];
    far.read_exact(&mut some).now_or_never().unwrap().unwrap();
    assert!(s.io().ready(&p).unwrap());
    assert_eq!(s.io().check_write(&stream).unwrap(), 10);
}
