//! The bounded channel between a guest's sink and the connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;

use astrid_host_io::{HostOutput, Readiness, ReadyState, StreamFailure};

use crate::limits::BLOCK;
use crate::payload::{GivenUp, Sent};

/// Both ends' view of an upload.
#[derive(Debug)]
pub(crate) struct Upload {
    state: Mutex<State>,
    declared: Option<u64>,
    sent: Arc<Sent>,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Bytes>,
    queued: usize,
    written: u64,
    sink: Sink,
    sealed: bool,
    given_up: bool,
    wire: Option<Waker>,
    guests: Vec<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sink {
    Open,
    /// The server takes no more, in order.
    Closed,
    Failed(&'static str),
}

impl State {
    fn wake_guests(&mut self) {
        self.guests.drain(..).for_each(Waker::wake);
    }

    fn wake_wire(&mut self) {
        if let Some(waker) = self.wire.take() {
            waker.wake();
        }
    }

    fn stop(&mut self, how: Sink) {
        if self.sink == Sink::Open {
            self.sink = how;
        }
        self.queue.clear();
        self.queued = 0;
        self.wake_guests();
    }

    fn room(&self) -> Result<usize, StreamFailure> {
        match self.sink {
            Sink::Open if !self.sealed => Ok(BLOCK - self.queued.min(BLOCK)),
            Sink::Open | Sink::Closed => Err(StreamFailure::Closed),
            Sink::Failed(why) => Err(StreamFailure::failed(why)),
        }
    }
}

impl Upload {
    pub(crate) fn new(declared: Option<u64>) -> Arc<Self> {
        let state = State {
            queue: VecDeque::new(),
            queued: 0,
            written: 0,
            sink: Sink::Open,
            sealed: false,
            given_up: false,
            wire: None,
            guests: Vec::new(),
        };
        Arc::new(Self { state: Mutex::new(state), declared, sent: Arc::default() })
    }

    /// Ends the body. False if it is shorter than was declared; then the request is given up, so that
    /// no server takes the part for the whole.
    pub(crate) fn seal(&self) -> bool {
        let mut state = self.state.lock();
        let stopped = state.sink != Sink::Open;
        let short = self.declared.is_some_and(|declared| state.written < declared);
        state.sealed = true;
        if short && !stopped {
            state.given_up = true;
            state.stop(Sink::Closed);
        }
        if state.queue.is_empty() && !short {
            self.sent.finish();
        }
        state.wake_wire();
        state.wake_guests();
        stopped || !short
    }

    /// The server answered before the end: what it did not read is discarded.
    pub(crate) fn answered(&self) {
        let mut state = self.state.lock();
        if !self.is_whole(&state) {
            state.stop(Sink::Closed);
        }
    }

    /// All bytes that were declared have gone out, so that nobody needs to wait for the end.
    fn is_whole(&self, state: &State) -> bool {
        state.queue.is_empty() && (state.sealed || self.declared == Some(state.written))
    }

    /// The request failed.
    pub(crate) fn fail(&self, why: &'static str) {
        let mut state = self.state.lock();
        state.given_up = true;
        let how = if state.sealed { Sink::Closed } else { Sink::Failed(why) };
        state.stop(how);
        state.wake_wire();
    }
}

/// The connection's end.
#[derive(Debug)]
pub(crate) struct UploadBody(pub(crate) Arc<Upload>);

impl UploadBody {
    pub(crate) fn sent(&self) -> Arc<Sent> {
        self.0.sent.clone()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.0.declared.map_or_else(SizeHint::default, SizeHint::with_exact)
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, GivenUp>>> {
        let mut state = self.0.state.lock();
        if state.given_up {
            return Poll::Ready(Some(Err(GivenUp)));
        }
        if let Some(piece) = state.queue.pop_front() {
            state.queued -= piece.len();
            self.0.sent.moved(piece.len(), state.queued > 0);
            if state.sealed && state.queue.is_empty() {
                self.0.sent.finish();
            }
            state.wake_guests();
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        // A body that was answered early stays open until the answer was read.
        if state.sealed && state.sink == Sink::Open {
            return Poll::Ready(None);
        }
        state.wire = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for UploadBody {
    fn drop(&mut self) {
        // The connection takes no more, whatever the reason; the response tells which.
        let mut state = self.0.state.lock();
        if !self.0.is_whole(&state) {
            state.stop(Sink::Closed);
        }
    }
}

/// The guest's end; every handle is the same stream.
#[derive(Debug, Clone)]
pub(crate) struct UploadSink(pub(crate) Arc<Upload>);

impl UploadSink {
    fn poll_until(&self, cx: &Context<'_>, done: impl Fn(&State) -> bool) -> Poll<Result<(), StreamFailure>> {
        let mut state = self.0.state.lock();
        if let Err(failure) = state.room()
            && !(state.sealed && state.sink == Sink::Open && !state.queue.is_empty())
        {
            return Poll::Ready(Err(failure));
        }
        if done(&state) {
            return Poll::Ready(Ok(()));
        }
        if !state.guests.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.guests.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Readiness for UploadSink {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        self.poll_until(cx, |state| state.queued < BLOCK).map(|_| ReadyState::Ready)
    }
}

impl HostOutput for UploadSink {
    fn capacity(&mut self) -> Result<usize, StreamFailure> {
        self.0.state.lock().room()
    }

    fn push(&mut self, bytes: Bytes) -> Result<(), StreamFailure> {
        let mut state = self.0.state.lock();
        state.room()?;
        let written = state.written.saturating_add(bytes.len() as u64);
        if self.0.declared.is_some_and(|declared| written > declared) {
            state.given_up = true;
            state.stop(Sink::Failed("the body is longer than its content-length"));
            state.wake_wire();
            state.room()?;
        }
        state.written = written;
        state.queued += bytes.len();
        if !bytes.is_empty() {
            state.queue.push_back(bytes);
            self.0.sent.offered();
        }
        state.wake_wire();
        Ok(())
    }

    fn start_flush(&mut self) -> Result<(), StreamFailure> {
        self.0.state.lock().room().map(drop)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamFailure>> {
        self.poll_until(cx, |state| state.queue.is_empty())
    }
}
