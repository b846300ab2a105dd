//! The source a domain crate gives, and the input-stream resource that runs the state machine over it.

use std::fmt;
use std::task::{Context, Poll};

use astrid_host_context::Permit;
use bytes::Bytes;

use crate::readiness::step;
use crate::{Readiness, ReadyState, StreamFailure};

/// Where an input stream's bytes come from.
///
/// As [`Readiness`] it is ready exactly when [`HostInput::peek`] with a room of 1 would give a byte or
/// an error, so it has to have the byte and not only a hint of it.
pub trait HostInput: Readiness {
    /// A chunk of at most `max` bytes (`max > 0`) that are there now, without consuming them; empty
    /// when there are none yet. A second peek gives the same bytes. Never waits; it may ask its
    /// transport for more.
    ///
    /// # Errors
    /// Once everything buffered was consumed: [`StreamFailure::Closed`] at the end of the source,
    /// [`StreamFailure::Failed`] if it broke. The stream asks no further after an error.
    fn peek(&mut self, max: usize) -> Result<Bytes, StreamFailure>;

    /// Consumes the first `n` of the bytes the last peek gave.
    fn consume(&mut self, n: usize);
}

/// The `input-stream` resource: open, then perhaps failed, then closed for good.
pub struct InputStream {
    /// Gone once a terminal state was reported, and the transport with it.
    source: Option<Box<dyn HostInput>>,
    /// A failure met behind bytes that were still delivered; the next call reports it.
    pending: Option<StreamFailure>,
    _share: Permit,
}

impl InputStream {
    pub(crate) fn new(source: Box<dyn HostInput>, share: Permit) -> Self {
        Self { source: Some(source), pending: None, _share: share }
    }

    /// The next chunk, not consumed; an error is reported here once and closes the stream.
    pub(crate) fn peek(&mut self, max: usize) -> Result<Bytes, StreamFailure> {
        let result = match (self.pending.take(), &mut self.source) {
            (Some(failure), _) => Err(failure),
            (None, None) => Err(StreamFailure::Closed),
            (None, Some(source)) => step(|| source.peek(max)),
        };
        if result.is_err() {
            self.source = None;
        }
        result
    }

    pub(crate) fn consume(&mut self, n: usize) {
        if let Some(source) = &mut self.source {
            source.consume(n);
        }
    }

    /// Whether the stream is open. Reports a failure like any other call.
    pub(crate) fn state(&mut self) -> Result<(), StreamFailure> {
        self.peek(1).map(drop)
    }

    /// Moves what is there now, at most `max` bytes, chunk by chunk. A failure behind the first
    /// byte is kept for the next call. `take` may refuse a chunk, which then stays unconsumed.
    pub(crate) fn drain<E: From<StreamFailure>>(
        &mut self,
        max: usize,
        mut take: impl FnMut(Bytes) -> Result<(), E>,
    ) -> Result<usize, E> {
        let mut moved = 0;
        while moved < max {
            match self.peek(max - moved) {
                Ok(chunk) if chunk.is_empty() => break,
                Ok(chunk) => {
                    let n = chunk.len();
                    take(chunk)?;
                    self.consume(n);
                    moved += n;
                }
                Err(failure) if moved == 0 => return Err(failure.into()),
                Err(failure) => {
                    self.defer(failure);
                    break;
                }
            }
        }
        Ok(moved)
    }

    /// Keeps a failure for the next call, when this one has already moved bytes.
    pub(crate) fn defer(&mut self, failure: StreamFailure) {
        self.source = None;
        self.pending = Some(failure);
    }

    /// Ends the stream from the host's side; false if it had reported its end before.
    pub(crate) fn stop(&mut self) -> bool {
        let live = self.source.take().is_some() || self.pending.is_some();
        self.pending = None;
        live
    }
}

impl Readiness for InputStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        match (&self.pending, &mut self.source) {
            (None, Some(source)) => source.poll_ready(cx),
            _ => Poll::Ready(ReadyState::Ready),
        }
    }
}

impl fmt::Debug for InputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputStream").field("open", &self.source.is_some()).finish_non_exhaustive()
    }
}
