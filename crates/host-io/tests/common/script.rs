//! Scripted sources and sinks.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use astrid_host_io::{HostInput, HostOutput, Readiness, ReadyState, StreamFailure};
use bytes::{Buf, Bytes};
use parking_lot::Mutex;

#[derive(Default)]
struct Parked(Option<Waker>, u64);

impl Parked {
    fn park<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.0 = Some(cx.waker().clone());
        self.1 += 1;
        Poll::Pending
    }

    fn wake(&mut self) {
        if let Some(waker) = self.0.take() {
            waker.wake();
        }
    }
}

fn once(end: &mut Option<StreamFailure>) -> StreamFailure {
    end.replace(StreamFailure::Closed).unwrap_or(StreamFailure::Closed)
}

/// Opens and shuts a condition.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<GateState>>);

#[derive(Default)]
struct GateState {
    state: Option<ReadyState>,
    parked: Parked,
    asked: u64,
}

pub(crate) fn gate() -> (Gate, impl Readiness + 'static) {
    let gate = Gate::default();
    (gate.clone(), gate)
}

impl Gate {
    pub(crate) fn open(&self) {
        self.set(Some(ReadyState::Ready));
    }

    pub(crate) fn shut(&self) {
        self.set(None);
    }

    pub(crate) fn tear_down(&self) {
        self.set(Some(ReadyState::Gone));
    }

    pub(crate) fn asked(&self) -> u64 {
        self.0.lock().asked
    }

    pub(crate) fn set(&self, state: Option<ReadyState>) {
        let mut gate = self.0.lock();
        gate.state = state;
        gate.parked.wake();
    }
}

impl Readiness for Gate {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        let mut gate = self.0.lock();
        gate.asked += 1;
        match gate.state {
            Some(state) => Poll::Ready(state),
            None => gate.parked.park(cx),
        }
    }
}

/// The far end of an input stream.
#[derive(Clone, Default)]
pub(crate) struct Feed(Arc<Mutex<FeedState>>);

#[derive(Default)]
struct FeedState {
    chunks: VecDeque<Bytes>,
    end: Option<StreamFailure>,
    parked: Parked,
    dropped: bool,
    gone: bool,
}

struct FeedEnd(Feed);

pub(crate) fn feed() -> (Feed, impl HostInput + 'static) {
    let feed = Feed::default();
    (feed.clone(), FeedEnd(feed))
}

impl Feed {
    pub(crate) fn send(&self, bytes: impl Into<Bytes>) {
        let mut feed = self.0.lock();
        let bytes = bytes.into();
        // An empty chunk is no byte, and a source that called itself ready for one would break its contract.
        if !bytes.is_empty() {
            feed.chunks.push_back(bytes);
        }
        feed.parked.wake();
    }

    pub(crate) fn end(&self) {
        self.finish(StreamFailure::Closed);
    }

    pub(crate) fn fail(&self, kind: io::ErrorKind) {
        self.finish(StreamFailure::of_read(kind.into()));
    }

    pub(crate) fn finish(&self, how: StreamFailure) {
        let mut feed = self.0.lock();
        feed.end = Some(how);
        feed.parked.wake();
    }

    pub(crate) fn tear_down(&self) {
        let mut feed = self.0.lock();
        feed.gone = true;
        feed.parked.wake();
    }

    /// Wakes without any news.
    pub(crate) fn spurious(&self) {
        self.0.lock().parked.wake();
    }

    /// How often somebody parked here.
    pub(crate) fn parked(&self) -> u64 {
        self.0.lock().parked.1
    }

    pub(crate) fn left(&self) -> usize {
        self.0.lock().chunks.iter().map(Bytes::len).sum()
    }

    /// Whether the host still holds the source.
    pub(crate) fn is_dropped(&self) -> bool {
        self.0.lock().dropped
    }
}

impl Readiness for FeedEnd {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        let mut feed = self.0.0.lock();
        if feed.gone {
            return Poll::Ready(ReadyState::Gone);
        }
        if feed.chunks.is_empty() && feed.end.is_none() {
            return feed.parked.park(cx);
        }
        Poll::Ready(ReadyState::Ready)
    }
}

impl HostInput for FeedEnd {
    fn peek(&mut self, max: usize) -> Result<Bytes, StreamFailure> {
        let mut feed = self.0.0.lock();
        assert!(max > 0);
        match (feed.chunks.front(), &feed.end) {
            (Some(chunk), _) => Ok(chunk.slice(..max.min(chunk.len()))),
            (None, Some(_)) => Err(once(&mut feed.end)),
            (None, None) => Ok(Bytes::new()),
        }
    }

    fn consume(&mut self, n: usize) {
        let mut feed = self.0.0.lock();
        let chunk = feed.chunks.front_mut().unwrap();
        chunk.advance(n);
        if chunk.is_empty() {
            feed.chunks.pop_front();
        }
    }
}

impl Drop for FeedEnd {
    fn drop(&mut self) {
        self.0.0.lock().dropped = true;
    }
}

/// The far end of an output stream. It takes everything until it is told how much it may take.
#[derive(Clone)]
pub(crate) struct Sink(Arc<Mutex<SinkState>>);

struct SinkState {
    got: Vec<u8>,
    count: u64,
    counting: bool,
    nonzero: u64,
    room: usize,
    refill: bool,
    end: Option<StreamFailure>,
    refuse_push: bool,
    flush_blocked: bool,
    flushing: bool,
    flushes: u64,
    parked: Parked,
    dropped: bool,
}

struct SinkEnd(Sink);

pub(crate) fn sink() -> (Sink, impl HostOutput + 'static) {
    let sink = Sink(Arc::new(Mutex::new(SinkState {
        got: Vec::new(),
        count: 0,
        counting: false,
        nonzero: 0,
        room: usize::MAX,
        refill: true,
        end: None,
        refuse_push: false,
        flush_blocked: false,
        flushing: false,
        flushes: 0,
        parked: Parked::default(),
        dropped: false,
    })));
    (sink.clone(), SinkEnd(sink))
}

impl Sink {
    /// Takes `room` more bytes and then stalls.
    pub(crate) fn stall_after(&self, room: usize) {
        let mut sink = self.0.lock();
        (sink.room, sink.refill) = (room, false);
    }

    /// Makes room.
    pub(crate) fn unblock(&self, room: usize) {
        self.stall_after(room);
        self.0.lock().parked.wake();
    }

    /// Keeps flushes from finishing, or lets them finish.
    pub(crate) fn block_flush(&self, blocked: bool) {
        let mut sink = self.0.lock();
        sink.flush_blocked = blocked;
        sink.parked.wake();
    }

    pub(crate) fn close(&self) {
        self.finish(StreamFailure::Closed);
    }

    pub(crate) fn fail(&self, kind: io::ErrorKind) {
        self.finish(StreamFailure::of_write(kind.into()));
    }

    pub(crate) fn finish(&self, how: StreamFailure) {
        let mut sink = self.0.lock();
        sink.end = Some(how);
        sink.parked.wake();
    }

    /// Closes between the capacity it offers and the bytes it is given.
    pub(crate) fn close_at_push(&self) {
        self.0.lock().refuse_push = true;
    }

    /// Only counts the bytes that come, and the pieces that are not all zero.
    pub(crate) fn count_only(&self) {
        self.0.lock().counting = true;
    }

    pub(crate) fn counted(&self) -> (u64, u64) {
        let sink = self.0.lock();
        (sink.count, sink.nonzero)
    }

    pub(crate) fn got(&self) -> Vec<u8> {
        self.0.lock().got.clone()
    }

    pub(crate) fn flushes(&self) -> u64 {
        self.0.lock().flushes
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.0.lock().dropped
    }
}

impl Readiness for SinkEnd {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        let mut sink = self.0.0.lock();
        if sink.room > 0 || sink.end.is_some() {
            return Poll::Ready(ReadyState::Ready);
        }
        sink.parked.park(cx)
    }
}

impl HostOutput for SinkEnd {
    fn capacity(&mut self) -> Result<usize, StreamFailure> {
        let mut sink = self.0.0.lock();
        if sink.end.is_some() { Err(once(&mut sink.end)) } else { Ok(sink.room) }
    }

    fn push(&mut self, bytes: Bytes) -> Result<(), StreamFailure> {
        let mut sink = self.0.0.lock();
        if sink.refuse_push || sink.end.is_some() {
            return Err(once(&mut sink.end));
        }
        sink.count += bytes.len() as u64;
        if sink.counting {
            sink.nonzero += u64::from([0; 64 * 1024].get(..bytes.len()) != Some(&*bytes));
        } else {
            sink.got.extend_from_slice(&bytes);
        }
        if !sink.refill {
            sink.room = sink.room.checked_sub(bytes.len()).expect("more pushed than the capacity offered");
        }
        Ok(())
    }

    fn start_flush(&mut self) -> Result<(), StreamFailure> {
        let mut sink = self.0.0.lock();
        sink.flushing = true;
        sink.flushes += 1;
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamFailure>> {
        let mut sink = self.0.0.lock();
        if sink.end.is_some() {
            return Poll::Ready(Err(once(&mut sink.end)));
        }
        if sink.flushing && sink.flush_blocked {
            return sink.parked.park(cx);
        }
        sink.flushing = false;
        Poll::Ready(Ok(()))
    }
}

impl Drop for SinkEnd {
    fn drop(&mut self) {
        self.0.0.lock().dropped = true;
    }
}
