//! An output to any [`AsyncWrite`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::backlog::Backlog;
use crate::limits::MAX_PERMIT;
use crate::readiness::probe;
use crate::{HostOutput, Readiness, ReadyState, StreamFailure};

/// A [`HostOutput`] with a buffer of [`MAX_PERMIT`] bytes. What the writer takes at once is sent at
/// once; what it does not is sent by a task that lives only as long as there is something left, so
/// that a guest which writes a request and then waits for the answer gets one.
pub struct AsyncWriteOutput<W> {
    core: Arc<Mutex<Core<W>>>,
    pump: Option<AbortHandle>,
}

struct Core<W> {
    writer: Pin<Box<W>>,
    backlog: Backlog,
    flush_wanted: bool,
    failure: Option<StreamFailure>,
    /// A task polls the writer; nobody else may, or the task's waker would be lost.
    pumped: bool,
    waiter: Option<Waker>,
    accepted: u64,
    sent: u64,
}

impl<W: AsyncWrite + Send + 'static> AsyncWriteOutput<W> {
    /// Writes to `writer`, which is shut down when the guest drops the stream in order.
    #[must_use]
    pub fn new(writer: W) -> Self {
        let core = Core {
            writer: Box::pin(writer),
            backlog: Backlog::default(),
            flush_wanted: false,
            failure: None,
            pumped: false,
            waiter: None,
            accepted: 0,
            sent: 0,
        };
        Self { core: Arc::new(Mutex::new(core)), pump: None }
    }

    /// Sends what can be sent now, and leaves the rest to a task.
    fn kick(&mut self) {
        let mut core = self.core.lock();
        if core.pumped || probe(|cx| core.drive(cx)).is_ready() {
            return;
        }
        // Without a runtime the stream's own polls move the bytes.
        if let Ok(runtime) = Handle::try_current() {
            core.pumped = true;
            drop(core);
            self.pump = Some(runtime.spawn(Pump(self.core.clone())).abort_handle());
        }
    }

    fn poll_until(
        &mut self,
        cx: &mut Context<'_>,
        done: impl Fn(&mut Core<W>) -> Option<Result<(), StreamFailure>>,
    ) -> Poll<Result<(), StreamFailure>> {
        let mut core = self.core.lock();
        if let Some(result) = done(&mut core) {
            return Poll::Ready(result);
        }
        if core.pumped {
            core.waiter = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let driven = core.drive(cx);
        match done(&mut core) {
            Some(result) => Poll::Ready(result),
            None => driven.map(Ok),
        }
    }
}

impl<W: AsyncWrite> Core<W> {
    /// Ready when everything was sent, and flushed if that was wanted, or sending failed.
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.failure.is_none() && !self.backlog.is_empty() {
            match ready!(self.writer.as_mut().poll_write(cx, self.backlog.front())) {
                Ok(0) => self.fail(StreamFailure::Closed),
                Ok(n) => {
                    self.backlog.advance(n);
                    self.sent += n as u64;
                    self.wake();
                }
                Err(error) => self.fail(StreamFailure::of_write(error)),
            }
        }
        if self.failure.is_none() && self.flush_wanted {
            if let Err(error) = ready!(self.writer.as_mut().poll_flush(cx)) {
                self.fail(StreamFailure::of_write(error));
            }
            self.flush_wanted = false;
            self.wake();
        }
        Poll::Ready(())
    }

    fn fail(&mut self, failure: StreamFailure) {
        self.failure = Some(failure);
        self.backlog.clear();
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            waiter.wake();
        }
    }

    fn room(&mut self) -> Result<usize, StreamFailure> {
        match self.failure.take() {
            Some(failure) => {
                self.failure = Some(StreamFailure::Closed);
                Err(failure)
            }
            None => Ok(MAX_PERMIT.saturating_sub(self.backlog.len())),
        }
    }
}

impl<W: AsyncWrite + Send + 'static> Readiness for AsyncWriteOutput<W> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        let room = |core: &mut Core<W>| {
            (core.failure.is_some() || core.backlog.len() < MAX_PERMIT).then_some(Ok(()))
        };
        self.poll_until(cx, room).map(|_| ReadyState::Ready)
    }
}

impl<W: AsyncWrite + Send + 'static> HostOutput for AsyncWriteOutput<W> {
    fn capacity(&mut self) -> Result<usize, StreamFailure> {
        self.core.lock().room()
    }

    fn push(&mut self, bytes: Bytes) -> Result<(), StreamFailure> {
        let before = {
            let mut core = self.core.lock();
            core.room()?;
            let before = core.accepted;
            core.accepted += bytes.len() as u64;
            core.backlog.push(bytes);
            before
        };
        self.kick();
        let mut core = self.core.lock();
        // With a part of it sent it is the next call's failure; with none it was refused.
        if core.sent <= before { core.room().map(drop) } else { Ok(()) }
    }

    fn start_flush(&mut self) -> Result<(), StreamFailure> {
        {
            let mut core = self.core.lock();
            core.room()?;
            core.flush_wanted = true;
        }
        self.kick();
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamFailure>> {
        self.poll_until(cx, |core| match core.room() {
            Err(failure) => Some(Err(failure)),
            Ok(_) => (core.backlog.is_empty() && !core.flush_wanted).then_some(Ok(())),
        })
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut core = self.core.lock();
        if core.pumped {
            core.waiter = Some(cx.waker().clone());
            return Poll::Pending;
        }
        core.writer.as_mut().poll_shutdown(cx).map(drop)
    }
}

impl<W> Drop for AsyncWriteOutput<W> {
    fn drop(&mut self) {
        if let Some(pump) = self.pump.take() {
            pump.abort();
        }
    }
}

impl<W> fmt::Debug for AsyncWriteOutput<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncWriteOutput").finish_non_exhaustive()
    }
}

/// Sends a backlog and ends.
struct Pump<W>(Arc<Mutex<Core<W>>>);

impl<W: AsyncWrite> Future for Pump<W> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut core = self.0.lock();
        ready!(core.drive(cx));
        // In the same lock as the last look at the backlog, so that no push falls between.
        core.pumped = false;
        core.wake();
        Poll::Ready(())
    }
}

impl<W> Drop for Pump<W> {
    fn drop(&mut self) {
        let mut core = self.0.lock();
        // Ended early, by a panic of the writer or the end of the runtime: nobody will send the rest.
        if core.pumped {
            core.pumped = false;
            core.failure = Some(StreamFailure::failed("the sending task ended early"));
            if let Some(waiter) = core.waiter.take() {
                waiter.wake();
            }
        }
    }
}
