//! The stream's two halves as io streams, over the same buffers as every other call.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use astrid_host_io::limits::MAX_MOVE;
use astrid_host_io::{HostInput, HostOutput, Readiness, ReadyState, StreamFailure};
use bytes::Bytes;

use super::connection::Connection;
use super::write_side::WriteEnd;
use crate::limits::BUFFER;

/// The reading half.
pub(crate) struct ReadHalf(pub(crate) Arc<Connection>);

impl Readiness for ReadHalf {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        let core = &self.0.core;
        let mut read = core.read.lock();
        if !read.is_empty() {
            return Poll::Ready(ReadyState::Ready);
        }
        read.poll_fill(&core.socket, cx, BUFFER).map(|()| ReadyState::Ready)
    }
}

impl HostInput for ReadHalf {
    fn peek(&mut self, max: usize) -> Result<Bytes, StreamFailure> {
        let core = &self.0.core;
        core.read.lock().chunk(&core.socket, max).map_err(|error| match error {
            Some(error) => StreamFailure::of_read(error),
            None => StreamFailure::Closed,
        })
    }

    fn consume(&mut self, n: usize) {
        self.0.core.read.lock().consume(n);
    }
}

/// The writing half.
pub(crate) struct WriteHalf {
    connection: Arc<Connection>,
    /// Up to where the flush begun last goes.
    mark: u64,
}

impl WriteHalf {
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        Self { connection, mark: 0 }
    }
}

impl Readiness for WriteHalf {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        let core = &self.connection.core;
        let mut write = core.write.lock();
        if write.end.is_none() && write.unsent() >= BUFFER {
            if write.pump.is_some() {
                write.waiters.keep(cx);
            } else {
                let _ = write.drive(&core.socket, cx);
            }
        }
        if write.end.is_some() || write.unsent() < BUFFER {
            return Poll::Ready(ReadyState::Ready);
        }
        Poll::Pending
    }
}

impl HostOutput for WriteHalf {
    fn capacity(&mut self) -> Result<usize, StreamFailure> {
        let write = self.connection.core.write.lock();
        write.open().map_err(failure)?;
        // What goes straight to the kernel needs no buffer, so one splice may move all it can; a peer
        // that stalls meanwhile leaves at most that much behind.
        Ok(if write.unsent() == 0 { MAX_MOVE } else { BUFFER.saturating_sub(write.unsent()) })
    }

    fn push(&mut self, bytes: Bytes) -> Result<(), StreamFailure> {
        let core = &self.connection.core;
        core.write.lock().push(&core.socket, bytes).map_err(failure)?;
        core.pump();
        Ok(())
    }

    fn start_flush(&mut self) -> Result<(), StreamFailure> {
        let write = self.connection.core.write.lock();
        write.open().map_err(failure)?;
        self.mark = write.accepted;
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamFailure>> {
        let core = &self.connection.core;
        core.write.lock().poll_flushed(&core.socket, cx, self.mark).map_err(failure)
    }
}

fn failure(end: WriteEnd) -> StreamFailure {
    match end {
        WriteEnd::Shut => StreamFailure::Closed,
        WriteEnd::Broken(kind) => StreamFailure::of_write(io::Error::from(kind)),
    }
}
