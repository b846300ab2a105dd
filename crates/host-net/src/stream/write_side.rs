//! The writing direction: one backlog, whichever way it is written, so that nothing overtakes anything.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::task::AbortHandle;

use super::socket::Socket;
use crate::Error;
use crate::waiters::Waiters;

/// Pieces of the backlog one system call takes.
const GATHER: usize = 16;

/// How the direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteEnd {
    /// This end shut it down.
    Shut,
    /// The peer reads no more, or the connection broke.
    Broken(io::ErrorKind),
}

impl From<WriteEnd> for Error {
    fn from(end: WriteEnd) -> Self {
        match end {
            WriteEnd::Shut => Self::Closed,
            WriteEnd::Broken(kind) => io::Error::from(kind).into(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct WriteSide {
    backlog: VecDeque<Bytes>,
    unsent: usize,
    pub(crate) end: Option<WriteEnd>,
    /// The task that sends the backlog; nobody else polls the socket for writing while it does.
    pub(crate) pump: Option<AbortHandle>,
    pub(crate) waiters: Waiters,
    /// Bytes the halves gave, and how many of them the kernel has.
    pub(crate) accepted: u64,
    pub(crate) flushed: u64,
    pub(crate) sent: u64,
}

impl WriteSide {
    /// Bytes accepted that the kernel has not.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent
    }

    /// Takes bytes of a half. What the kernel takes at once is sent at once.
    pub(crate) fn push(&mut self, socket: &Socket, mut bytes: Bytes) -> Result<(), WriteEnd> {
        self.open()?;
        let len = bytes.len() as u64;
        if self.backlog.is_empty() && self.pump.is_none() {
            while !bytes.is_empty() {
                match socket.try_write(&bytes) {
                    Ok(n) => {
                        self.count(n);
                        bytes.advance(n);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if bytes.len() as u64 == len => return Err(self.fail(&error)),
                    // A part is on its way, so the next call hears of it.
                    Err(error) => {
                        self.fail(&error);
                        bytes.clear();
                    }
                }
            }
        }
        self.accepted += len;
        self.unsent += bytes.len();
        self.flushed += len - bytes.len() as u64;
        if !bytes.is_empty() {
            self.backlog.push_back(bytes);
        }
        Ok(())
    }

    /// Whether the direction is open.
    pub(crate) fn open(&self) -> Result<(), WriteEnd> {
        self.end.map_or(Ok(()), Err)
    }

    /// Ready when the backlog was sent or the direction ended.
    pub(crate) fn drive(&mut self, socket: &Socket, cx: &mut Context<'_>) -> Poll<()> {
        while self.end.is_none() && !self.backlog.is_empty() {
            let pieces: [IoSlice<'_>; GATHER] =
                std::array::from_fn(|n| IoSlice::new(self.backlog.get(n).map_or(&[], |piece| piece)));
            let count = self.backlog.len().min(GATHER);
            match socket.try_write_vectored(pieces.get(..count).unwrap_or_default()) {
                Ok(n) => self.advance(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Err(error) = ready!(socket.poll_writable(cx)) {
                        self.fail(&error);
                    }
                }
                Err(error) => {
                    self.fail(&error);
                }
            }
        }
        Poll::Ready(())
    }

    fn advance(&mut self, mut n: usize) {
        self.count(n);
        self.flushed += n as u64;
        self.unsent -= n.min(self.unsent);
        while let Some(piece) = self.backlog.front_mut() {
            let here = n.min(piece.len());
            piece.advance(here);
            n -= here;
            if !piece.is_empty() {
                break;
            }
            self.backlog.pop_front();
        }
        self.waiters.wake();
    }

    fn count(&mut self, n: usize) {
        self.sent += n as u64;
    }

    /// Ready when a direct write may go to the socket: nothing is before it.
    pub(crate) fn poll_idle(&mut self, socket: &Socket, cx: &mut Context<'_>) -> Poll<Result<(), WriteEnd>> {
        if self.pump.is_some() && self.end.is_none() {
            self.waiters.keep(cx);
            return Poll::Pending;
        }
        ready!(self.drive(socket, cx));
        Poll::Ready(self.open())
    }

    /// Ready when everything up to `mark` was sent.
    pub(crate) fn poll_flushed(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        mark: u64,
    ) -> Poll<Result<(), WriteEnd>> {
        if self.flushed >= mark {
            return Poll::Ready(Ok(()));
        }
        self.poll_idle(socket, cx)
    }

    /// Writes some of `pieces` directly; the backlog must be empty. At least one byte, unless all are empty.
    pub(crate) fn poll_write(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize, WriteEnd>> {
        loop {
            self.open()?;
            match socket.try_write_vectored(pieces) {
                Ok(n) => {
                    self.count(n);
                    return Poll::Ready(Ok(n));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Err(error) = ready!(socket.poll_writable(cx)) {
                        return Poll::Ready(Err(self.fail(&error)));
                    }
                }
                Err(error) => return Poll::Ready(Err(self.fail(&error))),
            }
        }
    }

    /// Ends the direction.
    pub(crate) fn finish(&mut self, end: WriteEnd) {
        if self.end.is_none() {
            self.end = Some(end);
        }
        self.backlog.clear();
        self.unsent = 0;
        self.waiters.wake();
    }

    fn fail(&mut self, error: &io::Error) -> WriteEnd {
        let end = WriteEnd::Broken(error.kind());
        self.finish(end);
        end
    }
}
