//! An input from any [`AsyncRead`].

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use crate::limits::MAX_PERMIT;
use crate::readiness::probe;
use crate::{HostInput, Readiness, ReadyState, StreamFailure};

/// The first buffer; it grows to [`MAX_PERMIT`] as reads fill it, so that 10,000 idle streams stay small.
const FIRST_BUFFER: usize = 4 * 1024;

/// A [`HostInput`] that reads ahead at most one buffer of [`MAX_PERMIT`] bytes, and only when
/// somebody asks: a stream nobody looks at reads nothing.
pub struct AsyncReadInput<R> {
    reader: Pin<Box<R>>,
    chunk: Bytes,
    spare: BytesMut,
    buffer: usize,
    ended: Option<StreamFailure>,
}

impl<R: AsyncRead + Send> AsyncReadInput<R> {
    /// Reads from `reader`.
    #[must_use]
    pub fn new(reader: R) -> Self {
        Self {
            reader: Box::pin(reader),
            chunk: Bytes::new(),
            spare: BytesMut::new(),
            buffer: FIRST_BUFFER,
            ended: None,
        }
    }

    /// Ready with a byte in `chunk` or the end in `ended`.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.chunk.is_empty() || self.ended.is_some() {
            return Poll::Ready(());
        }
        if self.spare.capacity() < FIRST_BUFFER {
            // Takes the old buffer again if its bytes were consumed everywhere.
            self.spare.reserve(self.buffer);
        }
        match ready!(poll_read_buf(self.reader.as_mut(), cx, &mut self.spare)) {
            Ok(0) => self.ended = Some(StreamFailure::Closed),
            Ok(_) => {
                if self.spare.len() == self.spare.capacity() {
                    self.buffer = (self.buffer * 2).min(MAX_PERMIT);
                }
                self.chunk = self.spare.split().freeze();
            }
            Err(error) => self.ended = Some(StreamFailure::of_read(error)),
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
        let filled = probe(|cx| self.poll_fill(cx)).is_ready();
        if filled && self.chunk.is_empty() {
            return Err(self.ended.replace(StreamFailure::Closed).unwrap_or(StreamFailure::Closed));
        }
        Ok(self.chunk.slice(..max.min(self.chunk.len())))
    }

    fn consume(&mut self, n: usize) {
        self.chunk.advance(n.min(self.chunk.len()));
    }
}

impl<R> fmt::Debug for AsyncReadInput<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncReadInput").field("buffered", &self.chunk.len()).finish_non_exhaustive()
    }
}
