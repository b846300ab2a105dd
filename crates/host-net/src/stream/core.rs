//! One connected socket with its two directions, shared by the stream handle and its halves.

use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::read_side::ReadSide;
use super::socket::Socket;
use super::write_side::{WriteEnd, WriteSide};
use crate::Error;

/// What a guest set and the kernel does not keep for it.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) keepalive: Option<u64>,
    pub(crate) linger: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) socket: Socket,
    pub(crate) read: Mutex<ReadSide>,
    pub(crate) write: Mutex<WriteSide>,
    pub(crate) settings: Mutex<Settings>,
    /// The host has closed the socket behind its handles.
    gone: AtomicBool,
    /// Dropped after the socket, so that who lingers closes last.
    lingering: Mutex<Option<Sender<()>>>,
}

impl Core {
    pub(crate) fn new(socket: Socket) -> Self {
        Self {
            socket,
            read: Mutex::default(),
            write: Mutex::default(),
            settings: Mutex::default(),
            gone: AtomicBool::new(false),
            lingering: Mutex::default(),
        }
    }

    /// Whether the socket is still the guest's.
    pub(crate) fn alive(&self) -> Result<(), Error> {
        if self.gone.load(Ordering::Acquire) { Err(Error::InvalidHandle) } else { Ok(()) }
    }

    /// Takes the socket away from the guest: waits end, and every later call is an invalid handle.
    pub(crate) fn revoke(&self) {
        self.gone.store(true, Ordering::Release);
        self.read.lock().shut();
        self.write.lock().finish(WriteEnd::Shut);
        // Wakes whoever waits for the socket itself.
        if let Err(error) = self.socket.shutdown(Shutdown::Both) {
            tracing::debug!(%error, "a revoked socket was not shut down");
        }
    }

    /// Shuts the reading direction down; what was not read is gone.
    pub(crate) fn shut_read(&self) -> io::Result<()> {
        self.read.lock().shut();
        self.socket.shutdown(Shutdown::Read)
    }

    /// Shuts the writing direction down; what the kernel has is still delivered.
    pub(crate) fn shut_write(&self) -> io::Result<()> {
        self.write.lock().finish(WriteEnd::Shut);
        self.socket.shutdown(Shutdown::Write)
    }

    /// Asks the reading direction.
    pub(crate) fn poll_read<T>(
        &self,
        ask: impl FnOnce(&mut ReadSide, &Socket) -> Poll<Result<T, Error>>,
    ) -> Poll<Result<T, Error>> {
        self.alive()?;
        let answer = ask(&mut self.read.lock(), &self.socket);
        // Revoking ends the direction, which must not read as an end in order.
        self.alive()?;
        answer
    }

    /// Asks the writing direction.
    pub(crate) fn poll_write<T>(
        &self,
        ask: impl FnOnce(&mut WriteSide, &Socket) -> Poll<Result<T, WriteEnd>>,
    ) -> Poll<Result<T, Error>> {
        self.alive()?;
        let answer = ask(&mut self.write.lock(), &self.socket);
        self.alive()?;
        answer.map_err(Error::from)
    }

    /// Ready iff a read would not wait.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.read.lock().poll_readable(&self.socket, cx)
    }

    /// Leaves the backlog to a task, if there is one and nobody sends it.
    pub(crate) fn pump(self: &Arc<Self>) {
        let mut write = self.write.lock();
        if write.unsent() == 0 || write.pump.is_some() {
            return;
        }
        // Without a runtime the halves' own polls move the bytes.
        let Ok(runtime) = Handle::try_current() else { return };
        let task = Pump { core: self.clone(), done: false };
        write.pump = Some(runtime.spawn(task.run()).abort_handle());
    }

    /// What the last handle leaves behind: nothing that outlives it.
    pub(crate) fn close(&self) {
        let pump = self.write.lock().pump.take();
        if let Some(pump) = pump {
            pump.abort();
        }
        if self.settings.lock().linger.is_some_and(|linger| linger > 0) {
            self.linger();
        }
    }

    /// The last close of a socket that lingers waits in the kernel, so a second descriptor is closed
    /// after the first, where waiting is allowed.
    fn linger(&self) {
        let (Ok(runtime), Ok(second)) = (Handle::try_current(), self.socket_fd()) else { return };
        let (socket_is_open, closed) = channel();
        *self.lingering.lock() = Some(socket_is_open);
        runtime.spawn_blocking(move || {
            let _ = closed.recv();
            drop(second);
        });
    }

    fn socket_fd(&self) -> io::Result<std::os::fd::OwnedFd> {
        match &self.socket {
            Socket::Tcp(socket) => socket.as_fd().try_clone_to_owned(),
            Socket::Unix(socket) => socket.as_fd().try_clone_to_owned(),
        }
    }
}

/// Sends the backlog and ends.
struct Pump {
    core: Arc<Core>,
    done: bool,
}

impl Pump {
    async fn run(mut self) {
        poll_fn(|cx| {
            let mut write = self.core.write.lock();
            let driven = write.drive(&self.core.socket, cx);
            if driven.is_ready() {
                // In the same lock as the last look at the backlog, so that no push falls between.
                write.pump = None;
                write.waiters.wake();
                self.done = true;
            }
            driven
        })
        .await;
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        // Ended early by the end of the runtime: nobody will send the rest.
        if !self.done {
            self.core.write.lock().finish(WriteEnd::Broken(io::ErrorKind::ConnectionAborted));
        }
    }
}
