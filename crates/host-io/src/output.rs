//! The sink a domain crate gives, and the output-stream resource that runs the state machine over it.

use std::fmt;
use std::task::{Context, Poll, ready};

use astrid_host_context::Permit;
use bytes::Bytes;

use crate::drain::Drain;
use crate::limits::MAX_PERMIT;
use crate::readiness::{probe, step};
use crate::{Readiness, ReadyState, StreamFailure};

/// Where an output stream's bytes go.
///
/// As [`Readiness`] it is ready exactly when [`HostOutput::capacity`] would give more than 0 or an
/// error. Bytes it accepted travel on without further calls, as far as the transport takes them.
pub trait HostOutput: Readiness {
    /// Bytes the next pushes may hold together; 0 while the buffer is full.
    ///
    /// # Errors
    /// [`StreamFailure::Closed`] when the peer reads no more, [`StreamFailure::Failed`] when sending
    /// broke, also in the background. The stream asks no further after an error.
    fn capacity(&mut self) -> Result<usize, StreamFailure>;

    /// Takes the bytes whole. The stream pushes no more than the capacity allows.
    ///
    /// # Errors
    /// As for [`HostOutput::capacity`]; then none of `bytes` was taken.
    fn push(&mut self, bytes: Bytes) -> Result<(), StreamFailure>;

    /// Begins to hand everything pushed so far to the transport. Returns at once.
    ///
    /// # Errors
    /// As for [`HostOutput::capacity`].
    fn start_flush(&mut self) -> Result<(), StreamFailure>;

    /// Ready when the flush begun last is done.
    ///
    /// # Errors
    /// As for [`HostOutput::capacity`].
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamFailure>>;

    /// Closes the transport half in order, after everything was flushed. Dropping the sink closes it too.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }
}

/// The `output-stream` resource: open, then perhaps failed, then closed for good. When it is dropped
/// with bytes unsent, they are sent in the background for a while ([`crate::limits::DRAIN_GRACE`]).
pub struct OutputStream {
    /// Gone once a terminal state was reported, and the transport with it.
    sink: Option<Box<dyn HostOutput>>,
    /// A failure met where no call could report it; the next one does.
    pending: Option<StreamFailure>,
    /// What is left of the last `check-write`.
    permit: usize,
    /// Something was pushed since the last flush began.
    dirty: bool,
    flushing: bool,
    drain: Drain,
    _share: Permit,
}

impl OutputStream {
    pub(crate) fn new(sink: Box<dyn HostOutput>, drain: Drain, share: Permit) -> Self {
        Self {
            sink: Some(sink),
            pending: None,
            permit: 0,
            dirty: false,
            flushing: false,
            drain,
            _share: share,
        }
    }

    /// What the sink would take now: 0 while it is full or flushing. An error is reported here once.
    pub(crate) fn room(&mut self) -> Result<usize, StreamFailure> {
        let flushing = self.flushing;
        let (still_flushing, room) = self.tell(|sink| {
            if flushing && probe(|cx| sink.poll_flush(cx))?.is_pending() {
                return Ok((true, 0));
            }
            Ok((false, sink.capacity()?))
        })?;
        self.flushing = still_flushing;
        Ok(room)
    }

    /// A new permit for plain writes.
    pub(crate) fn permit(&mut self) -> Result<usize, StreamFailure> {
        self.permit = self.room()?.min(MAX_PERMIT);
        Ok(self.permit)
    }

    /// Takes `len` of the remembered permit, or says how much there was.
    pub(crate) fn spend(&mut self, len: u64) -> Result<(), usize> {
        match usize::try_from(len).ok().and_then(|len| self.permit.checked_sub(len)) {
            Some(rest) => {
                self.permit = rest;
                Ok(())
            }
            None => Err(self.permit),
        }
    }

    /// Replaces the remembered permit, because an operation used one of its own.
    pub(crate) fn remember(&mut self, permit: usize) {
        self.permit = permit.min(MAX_PERMIT);
    }

    pub(crate) fn push(&mut self, bytes: Bytes) -> Result<(), StreamFailure> {
        self.tell(|sink| sink.push(bytes))?;
        self.dirty = true;
        Ok(())
    }

    /// Begins a flush if anything was pushed since the last one began.
    pub(crate) fn start_flush(&mut self) -> Result<(), StreamFailure> {
        self.room()?;
        if self.dirty {
            self.tell(|sink| sink.start_flush())?;
            (self.dirty, self.flushing) = (false, true);
        }
        Ok(())
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamFailure>> {
        let done = match (&mut self.sink, self.flushing && self.pending.is_none()) {
            (Some(sink), true) => ready!(sink.poll_flush(cx)),
            _ => Ok(()),
        };
        self.flushing = false;
        Poll::Ready(self.tell(|_| done))
    }

    /// Keeps a failure for the next call, when this one has already moved bytes.
    pub(crate) fn defer(&mut self, failure: StreamFailure) {
        self.sink = None;
        self.pending = Some(failure);
    }

    /// Ends the stream from the host's side; false if it had reported its end before.
    pub(crate) fn stop(&mut self) -> bool {
        let live = self.sink.take().is_some() || self.pending.is_some();
        (self.pending, self.permit) = (None, 0);
        live
    }

    /// How the stream says goodbye when it is dropped.
    pub(crate) fn set_drain(&mut self, drain: Drain) {
        self.drain = drain;
    }

    /// Runs a step on the open sink; the first error closes the stream.
    fn tell<T>(
        &mut self,
        on_sink: impl FnOnce(&mut dyn HostOutput) -> Result<T, StreamFailure>,
    ) -> Result<T, StreamFailure> {
        let result = match (self.pending.take(), &mut self.sink) {
            (Some(failure), _) => Err(failure),
            (None, None) => Err(StreamFailure::Closed),
            (None, Some(sink)) => step(|| on_sink(&mut **sink)),
        };
        if result.is_err() {
            self.sink = None;
            self.permit = 0;
        }
        result
    }
}

impl Readiness for OutputStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        if self.flushing
            && let (None, Some(sink)) = (&self.pending, &mut self.sink)
        {
            match ready!(sink.poll_flush(cx)) {
                Ok(()) => self.flushing = false,
                Err(failure) => self.defer(failure),
            }
        }
        match (&self.pending, &mut self.sink) {
            (None, Some(sink)) => sink.poll_ready(cx),
            _ => Poll::Ready(ReadyState::Ready),
        }
    }
}

impl Drop for OutputStream {
    fn drop(&mut self) {
        if let Some(sink) = self.sink.take() {
            self.drain.run(sink, self.dirty || self.flushing);
        }
    }
}

impl fmt::Debug for OutputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputStream")
            .field("open", &self.sink.is_some())
            .field("permit", &self.permit)
            .finish_non_exhaustive()
    }
}
