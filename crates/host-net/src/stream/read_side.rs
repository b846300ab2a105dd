//! The reading direction: one buffer, whichever way it is read, so that nothing is lost between two ways.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::time::Instant;

use super::buffer::ReadBuffer;
use super::socket::Socket;
use crate::Error;
use crate::limits::{BUFFER, MAX_FRAME, frame_time};

/// Bytes of a frame's length.
const PREFIX: usize = 4;
/// The most one byte call takes while data keeps coming, so that it does not hold a worker.
const MAX_TAKE: usize = 1024 * 1024;

/// What one look at the frames found.
#[derive(Debug)]
pub(crate) enum FrameStep {
    /// A whole frame.
    Frame(Vec<u8>),
    /// The end on a frame's boundary.
    End,
    /// A frame began, and must be complete by the side's deadline.
    Began,
}

/// How the direction ended.
#[derive(Debug)]
pub(crate) enum ReadEnd {
    /// In order, or after a failure was reported.
    Eof,
    /// By an error nobody has heard of yet.
    Failed(io::Error),
}

#[derive(Debug, Default)]
pub(crate) struct ReadSide {
    buffer: ReadBuffer,
    end: Option<ReadEnd>,
    /// Bytes the framed reader has looked at and found to be no whole frame.
    held: usize,
    /// When the frame at the front must be complete.
    deadline: Option<Instant>,
    pub(crate) received: u64,
}

impl ReadSide {
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    pub(crate) fn frame_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Ends the direction from this side: what was not read is gone.
    pub(crate) fn shut(&mut self) {
        self.buffer.clear();
        (self.end, self.held, self.deadline) = (Some(ReadEnd::Eof), 0, None);
    }

    /// Ready once there are new bytes or an end.
    pub(crate) fn poll_fill(&mut self, socket: &Socket, cx: &mut Context<'_>, max: usize) -> Poll<()> {
        while self.end.is_none() && !self.fill(socket, max) {
            if let Err(error) = ready!(socket.poll_readable(cx)) {
                self.end = Some(ReadEnd::Failed(error));
            }
        }
        Poll::Ready(())
    }

    /// Takes what the kernel has; false when that is nothing.
    fn fill(&mut self, socket: &Socket, max: usize) -> bool {
        match self.buffer.fill(max, |room| socket.try_read(room)) {
            Ok(0) => self.end = Some(ReadEnd::Eof),
            Ok(n) => self.received += n as u64,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) => self.end = Some(ReadEnd::Failed(error)),
        }
        true
    }

    /// The end's cause if it was a failure; from then on it is an end in order.
    fn take_failure(&mut self) -> Option<io::Error> {
        match self.end.replace(ReadEnd::Eof)? {
            ReadEnd::Eof => None,
            ReadEnd::Failed(error) => Some(error),
        }
    }

    /// The next frame, the end, or the news that a frame began.
    pub(crate) fn poll_frame(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
    ) -> Poll<Result<FrameStep, Error>> {
        loop {
            let had_deadline = self.deadline.is_some();
            if let Some(step) = self.next_frame()? {
                return Poll::Ready(Ok(FrameStep::Frame(step)));
            }
            if self.end.is_some() {
                return Poll::Ready(self.end_of_frames());
            }
            if !had_deadline && self.deadline.is_some() {
                return Poll::Ready(Ok(FrameStep::Began));
            }
            ready!(self.poll_fill(socket, cx, usize::MAX));
        }
    }

    fn next_frame(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let frame = match self.buffer.prefix().map(|n| usize::try_from(n).unwrap_or(usize::MAX)) {
            Some(length) if length > MAX_FRAME => {
                self.shut();
                return Err(Error::FrameTooLarge);
            }
            Some(length) if self.buffer.len() - PREFIX >= length => {
                self.buffer.skip(PREFIX);
                self.deadline = None;
                Some(self.buffer.take(length))
            }
            Some(length) => {
                self.deadline.get_or_insert_with(|| Instant::now() + frame_time(length));
                None
            }
            None => None,
        };
        self.held = if self.has_frame() { 0 } else { self.buffer.len() };
        Ok(frame)
    }

    /// Whether a framed read would have an answer about what is buffered.
    fn has_frame(&self) -> bool {
        self.buffer
            .prefix()
            .map(|n| usize::try_from(n).unwrap_or(usize::MAX))
            .is_some_and(|n| n > MAX_FRAME || self.buffer.len() - PREFIX >= n)
    }

    fn end_of_frames(&mut self) -> Result<FrameStep, Error> {
        let torn = !self.buffer.is_empty();
        let failure = self.take_failure();
        self.shut();
        match failure {
            Some(error) => Err(error.into()),
            None if torn => Err(Error::Reset),
            None => Ok(FrameStep::End),
        }
    }

    /// Up to `max` bytes (`max > 0`); none at the end.
    pub(crate) fn poll_bytes(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        max: usize,
    ) -> Poll<Result<Vec<u8>, Error>> {
        if self.buffer.is_empty() {
            ready!(self.poll_fill(socket, cx, max));
        }
        while self.end.is_none() && self.buffer.len() < max.min(MAX_TAKE) {
            if !self.fill(socket, max.min(MAX_TAKE) - self.buffer.len()) {
                break;
            }
        }
        if self.buffer.is_empty() {
            return Poll::Ready(self.take_failure().map_or(Ok(Vec::new()), |error| Err(error.into())));
        }
        let bytes = self.buffer.take(max);
        self.resync();
        Poll::Ready(Ok(bytes))
    }

    /// Like [`ReadSide::poll_bytes`], and the bytes stay.
    pub(crate) fn poll_peek(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        max: usize,
    ) -> Poll<Result<Vec<u8>, Error>> {
        if self.buffer.is_empty() {
            ready!(self.poll_fill(socket, cx, BUFFER));
        }
        while self.end.is_none() && self.buffer.len() < max.min(BUFFER) {
            if !self.fill(socket, BUFFER - self.buffer.len()) {
                break;
            }
        }
        if self.buffer.is_empty() {
            return Poll::Ready(self.take_failure().map_or(Ok(Vec::new()), |error| Err(error.into())));
        }
        Poll::Ready(Ok(self.buffer.copy(max)))
    }

    /// Ready iff a read would not wait. What the framed reader holds as part of a frame does not count.
    pub(crate) fn poll_readable(&mut self, socket: &Socket, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.has_frame() || self.buffer.len() > self.held || self.end.is_some() {
                return Poll::Ready(());
            }
            ready!(self.poll_fill(socket, cx, BUFFER));
        }
    }

    /// Bytes for a read half, not consumed; empty when there are none now.
    pub(crate) fn chunk(&mut self, socket: &Socket, max: usize) -> Result<Bytes, Option<io::Error>> {
        if self.buffer.is_empty() && self.end.is_none() {
            self.fill(socket, BUFFER);
        }
        if self.buffer.is_empty() && self.end.is_some() {
            return Err(self.take_failure());
        }
        Ok(self.buffer.chunk(max))
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.buffer.skip(n);
        self.resync();
    }

    /// Frames begin anew behind bytes that were taken in another way.
    fn resync(&mut self) {
        (self.held, self.deadline) = (0, None);
    }
}
