//! Pollables on sockets, the halves of a stream, and the end of handles.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use astrid_host_io::{InputStream, IoTable, OutputStream, Pollable, Readiness, ReadyState};
use wasmtime::component::Resource;

use super::UnixListener;
use crate::endpoint::Queue;
use crate::op_table::{DROP, HALF, SUBSCRIBE};
use crate::stream::connection::Connection;
use crate::stream::halves::{ReadHalf, WriteHalf};
use crate::tcp::Listener;
use crate::{Error, NetCtxView, TcpListener, TcpStream};

impl NetCtxView<'_> {
    /// A pollable that is ready while a read would not wait. It keeps no socket open, and is gone with it.
    ///
    /// # Errors
    /// Traps only: an unknown handle, or io's budget of pollables.
    pub fn subscribe_readable(&mut self, stream: &Resource<TcpStream>) -> Result<Resource<Pollable>, Error> {
        let entry = self.host.enter(&SUBSCRIBE);
        entry.run_always(|| {
            let connection = Arc::downgrade(&self.host.table.get(stream)?.0);
            self.host.push_pollable(Readable(connection)).map_err(Error::IoBudget)
        })
    }

    /// A pollable that is ready while a client waits that passed the handshake.
    ///
    /// # Errors
    /// Traps only, as [`NetCtxView::subscribe_readable`].
    pub fn subscribe_unix(&mut self, listener: &Resource<UnixListener>) -> Result<Resource<Pollable>, Error> {
        let entry = self.host.enter(&SUBSCRIBE);
        entry.run_always(|| {
            let queue = self.host.table.get(listener)?.queue().clone();
            self.host.push_pollable(Waiting(queue)).map_err(Error::IoBudget)
        })
    }

    /// A pollable that is ready while a client waits in the kernel. Nobody is accepted by it.
    ///
    /// # Errors
    /// Traps only, as [`NetCtxView::subscribe_readable`].
    pub fn subscribe_tcp(&mut self, listener: &Resource<TcpListener>) -> Result<Resource<Pollable>, Error> {
        let entry = self.host.enter(&SUBSCRIBE);
        entry.run_always(|| {
            let listener = Arc::downgrade(&self.host.table.get(listener)?.0);
            self.host.push_pollable(Backlog(listener)).map_err(Error::IoBudget)
        })
    }

    /// The reading half, over the same buffer as every other read.
    ///
    /// # Errors
    /// Traps only: an unknown handle, or io's budget of streams.
    pub fn read_stream(&mut self, stream: &Resource<TcpStream>) -> Result<Resource<InputStream>, Error> {
        let entry = self.host.enter(&HALF);
        entry.run_always(|| {
            let connection = self.host.table.get(stream)?.0.clone();
            self.host.push_input(ReadHalf(connection)).map_err(Error::IoBudget)
        })
    }

    /// The writing half. Dropping it neither shuts nor closes.
    ///
    /// # Errors
    /// Traps only, as [`NetCtxView::read_stream`].
    pub fn write_stream(&mut self, stream: &Resource<TcpStream>) -> Result<Resource<OutputStream>, Error> {
        let entry = self.host.enter(&HALF);
        entry.run_always(|| {
            let connection = self.host.table.get(stream)?.0.clone();
            self.host.push_output(WriteHalf::new(connection)).map_err(Error::IoBudget)
        })
    }

    /// Drops a handle of this package.
    ///
    /// # Errors
    /// Traps only: an unknown handle.
    pub fn drop_handle<T: Send + 'static>(&mut self, handle: Resource<T>) -> Result<(), Error> {
        let entry = self.host.enter(&DROP);
        entry.run_always(|| Ok(self.host.table.delete(handle).map(drop)?))
    }
}

struct Readable(Weak<Connection>);

impl Readiness for Readable {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        match self.0.upgrade() {
            Some(connection) => connection.core.poll_readable(cx).map(|()| ReadyState::Ready),
            None => Poll::Ready(ReadyState::Gone),
        }
    }
}

struct Waiting(Arc<Queue>);

impl Readiness for Waiting {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        // A closed queue is ready too: accept says so at once.
        self.0.poll_ready(cx).map(|_| ReadyState::Ready)
    }
}

struct Backlog(Weak<Listener>);

impl Readiness for Backlog {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        match self.0.upgrade() {
            Some(listener) => listener.poll_waiting(cx).map(|_| ReadyState::Ready),
            None => Poll::Ready(ReadyState::Gone),
        }
    }
}
