//! An input from any stream of chunks, such as an HTTP body.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;

use super::ahead::Ahead;
use crate::readiness::probe;
use crate::{HostInput, Readiness, ReadyState, StreamFailure};

/// Empty chunks passed over in one go, so that a source of nothing else cannot hold a worker.
const EMPTY_RUN: usize = 32;

/// A [`HostInput`] that holds one chunk at a time and asks for the next when that is consumed. Chunks
/// are handed on by reference count.
pub struct ChunkInput<S> {
    stream: Pin<Box<S>>,
    ahead: Ahead,
}

impl<S, E> ChunkInput<S>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Reads the chunks of `stream`. An error ends it: it is reported once, behind the chunks before it.
    #[must_use]
    pub fn new(stream: S) -> Self {
        Self { stream: Box::pin(stream), ahead: Ahead::default() }
    }

    /// Ready once there is a byte or an end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..EMPTY_RUN {
            if self.ahead.is_decided() {
                return Poll::Ready(());
            }
            match ready!(self.stream.as_mut().poll_next(cx)) {
                Some(Ok(chunk)) => self.ahead.arrive(chunk),
                Some(Err(error)) => self.ahead.end(StreamFailure::failed(error)),
                None => self.ahead.end(StreamFailure::Closed),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S, E> Readiness for ChunkInput<S>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        self.poll_fill(cx).map(|()| ReadyState::Ready)
    }
}

impl<S, E> HostInput for ChunkInput<S>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn peek(&mut self, max: usize) -> Result<Bytes, StreamFailure> {
        let _ = probe(|cx| self.poll_fill(cx));
        self.ahead.peek(max)
    }

    fn consume(&mut self, n: usize) {
        self.ahead.consume(n);
    }
}

impl<S> fmt::Debug for ChunkInput<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkInput").field("buffered", &self.ahead.buffered()).finish_non_exhaustive()
    }
}
