//! An input from any [`AsyncRead`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::ahead::Ahead;
use crate::limits::MAX_PERMIT;
use crate::readiness::probe;
use crate::{HostInput, Readiness, ReadyState, StreamFailure};

/// The first buffer; it grows to [`MAX_PERMIT`] as reads fill it, so that 10,000 idle streams stay small.
const FIRST_BUFFER: usize = 4 * 1024;

/// A [`HostInput`] that reads ahead at most one buffer of [`MAX_PERMIT`] bytes, and only when
/// somebody asks: a stream nobody looks at reads nothing.
pub struct AsyncReadInput<R> {
    reader: Pin<Box<R>>,
    ahead: Ahead,
    spare: BytesMut,
    buffer: usize,
}

impl<R: AsyncRead + Send> AsyncReadInput<R> {
    /// Reads from `reader`.
    #[must_use]
    pub fn new(reader: R) -> Self {
        Self {
            reader: Box::pin(reader),
            ahead: Ahead::default(),
            spare: BytesMut::new(),
            buffer: FIRST_BUFFER,
        }
    }

    /// Ready once there is a byte or an end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ahead.is_decided() {
            return Poll::Ready(());
        }
        if self.spare.capacity() < FIRST_BUFFER {
            // Takes the old buffer again if its bytes were consumed everywhere.
            self.spare.reserve(self.buffer);
        }
        match ready!(poll_read_buf(self.reader.as_mut(), cx, &mut self.spare)) {
            Ok(0) => self.ahead.end(StreamFailure::Closed),
            Ok(_) => {
                if self.spare.len() == self.spare.capacity() {
                    self.buffer = (self.buffer * 2).min(MAX_PERMIT);
                }
                self.ahead.arrive(self.spare.split().freeze());
            }
            Err(error) => self.ahead.end(StreamFailure::of_read(error)),
        }
        Poll::Ready(())
    }
}

impl<R: AsyncRead + Send> Readiness for AsyncReadInput<R> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        self.poll_fill(cx).map(|()| ReadyState::Ready)
    }
}

impl<R: AsyncRead + Send> HostInput for AsyncReadInput<R> {
    fn peek(&mut self, max: usize) -> Result<Bytes, StreamFailure> {
        let _ = probe(|cx| self.poll_fill(cx));
        self.ahead.peek(max)
    }

    fn consume(&mut self, n: usize) {
        self.ahead.consume(n);
    }
}

impl<R> fmt::Debug for AsyncReadInput<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncReadInput").field("buffered", &self.ahead.buffered()).finish_non_exhaustive()
    }
}
