//! Taking connections, from the local endpoint and from TCP listeners.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use astrid_host_context::{Audit, CallContext, Entry, Op, Permit, Refusal};
use tokio::time::timeout;
use wasmtime::component::Resource;

use super::wait::marked;
use crate::address::print;
use crate::connections::Facts;
use crate::endpoint::{Client, Queue};
use crate::limits::{CAPSULE_STREAMS, STREAMS};
use crate::op_table::{ACCEPT, ACCEPTED, POLL_ACCEPT};
use crate::stream::connection::Connection;
use crate::stream::socket::Socket;
use crate::tcp::{Listener, poll_accept_time};
use crate::{Error, NetCtxView, TcpListener, TcpStream, UnixEndpoint};

/// The `unix-listener` resource: one of any number of handles on the capsule's endpoint.
pub struct UnixListener(pub(super) Arc<UnixEndpoint>);

impl UnixListener {
    pub(super) fn queue(&self) -> &Arc<Queue> {
        self.0.queue()
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixListener").finish_non_exhaustive()
    }
}

/// Where connections come from.
enum Source {
    Unix(Arc<Queue>),
    Tcp(Arc<Listener>),
}

/// A connection as it came.
enum Incoming {
    Unix(Client),
    Tcp { stream: std::net::TcpStream, local: SocketAddr, peer: SocketAddr },
}

impl Source {
    fn take(&self) -> io::Result<Option<Incoming>> {
        Ok(match self {
            Self::Unix(queue) => queue.pop().map(Incoming::Unix),
            Self::Tcp(listener) => listener.try_accept()?.map(|(stream, peer)| Incoming::Tcp {
                stream,
                local: listener.local,
                peer,
            }),
        })
    }

    fn poll_waiting(&self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        match self {
            Self::Unix(queue) => queue.poll_ready(cx).map(|open| open.then_some(()).ok_or(Error::Closed)),
            Self::Tcp(listener) => listener.poll_waiting(cx).map_err(Error::from),
        }
    }
}

/// A share of each budget of streams.
pub(super) fn reserve(entry: &Entry, call: &Budgets<'_>) -> Result<[Permit; 2], Error> {
    let own = entry.reserve(&STREAMS, 1)?;
    // The capsule's own account, whoever it serves.
    let capsule = astrid_host_context::Subject { principal: None, capsule: entry.call().capsule() };
    let all = call.0.quota().acquire(&capsule, &CAPSULE_STREAMS, 1)?;
    Ok([own, all])
}

/// The services whose quota is asked.
pub(super) struct Budgets<'a>(pub(super) &'a astrid_host_context::HostServices);

/// Waits for a connection there is a share for. While there is none, the connection stays where it is.
async fn next(
    entry: &Entry,
    budgets: &Budgets<'_>,
    source: &Source,
) -> Result<(Incoming, [Permit; 2]), Error> {
    loop {
        let shares = reserve(entry, budgets)?;
        if !budgets.0.audit().accepts(Audit::Required) {
            return Err(Refusal::AuditUnavailable.into());
        }
        if let Some(incoming) = source.take()? {
            return Ok((incoming, shares));
        }
        drop(shares);
        poll_fn(|cx| source.poll_waiting(cx)).await?;
    }
}

impl NetCtxView<'_> {
    /// Waits for a client that passed the handshake.
    ///
    /// # Errors
    /// The budget of streams at once, and the client stays in the queue; [`Error::Closed`] while unloading.
    pub async fn accept_unix(
        &mut self,
        listener: &Resource<UnixListener>,
    ) -> Result<Resource<TcpStream>, Error> {
        let source = self.unix_source(listener);
        self.accept(&ACCEPT, source, None).await?.ok_or(Error::Closed)
    }

    /// As [`NetCtxView::accept_unix`] for a limited time, at most [`crate::limits::MAX_POLL_ACCEPT`].
    ///
    /// # Errors
    /// As [`NetCtxView::accept_unix`].
    pub async fn poll_accept_unix(
        &mut self,
        listener: &Resource<UnixListener>,
        timeout_ms: u64,
    ) -> Result<Option<Resource<TcpStream>>, Error> {
        let source = self.unix_source(listener);
        self.accept(&POLL_ACCEPT, source, Some(poll_accept_time(timeout_ms))).await
    }

    /// Waits for a client. Nothing of what it sent is touched.
    ///
    /// # Errors
    /// The budget of streams at once, and the client stays in the kernel; [`Error::Closed`] while unloading.
    pub async fn accept_tcp(
        &mut self,
        listener: &Resource<TcpListener>,
    ) -> Result<Resource<TcpStream>, Error> {
        let source = self.tcp_source(listener);
        self.accept(&ACCEPT, source, None).await?.ok_or(Error::Closed)
    }

    /// As [`NetCtxView::accept_tcp`] for a limited time, at most [`crate::limits::MAX_POLL_ACCEPT`].
    ///
    /// # Errors
    /// As [`NetCtxView::accept_tcp`].
    pub async fn poll_accept_tcp(
        &mut self,
        listener: &Resource<TcpListener>,
        timeout_ms: u64,
    ) -> Result<Option<Resource<TcpStream>>, Error> {
        let source = self.tcp_source(listener);
        self.accept(&POLL_ACCEPT, source, Some(poll_accept_time(timeout_ms))).await
    }

    fn unix_source(&self, listener: &Resource<UnixListener>) -> Result<Source, Error> {
        Ok(Source::Unix(self.host.table.get(listener)?.queue().clone()))
    }

    fn tcp_source(&self, listener: &Resource<TcpListener>) -> Result<Source, Error> {
        Ok(Source::Tcp(self.host.table.get(listener)?.0.clone()))
    }

    async fn accept(
        &mut self,
        op: &'static Op,
        source: Result<Source, Error>,
        limit: Option<Duration>,
    ) -> Result<Option<Resource<TcpStream>>, Error> {
        let entry = self.host.enter(op);
        let budgets = Budgets(self.host.services);
        let taken = entry
            .run(marked(&entry, async {
                let source = source?;
                let waiting = next(&entry, &budgets, &source);
                match limit {
                    None => waiting.await.map(Some),
                    Some(limit) => timeout(limit, waiting).await.map_or(Ok(None), |taken| taken.map(Some)),
                }
            }))
            .await;
        match taken {
            Ok(None) => Ok(None),
            // An end of the wait is no connection that was refused.
            Err(error @ (Error::Closed | Error::Refused(Refusal::Cancelled | Refusal::DeadlineExceeded))) => {
                Err(error)
            }
            taken => self.settle_accept(taken).map(Some),
        }
    }

    /// Makes the connection the guest's, and its one record.
    fn settle_accept(
        &mut self,
        taken: Result<Option<(Incoming, [Permit; 2])>, Error>,
    ) -> Result<Resource<TcpStream>, Error> {
        let record = self.host.enter(&ACCEPTED);
        record.run_always(|| {
            let (incoming, shares) = taken?.ok_or(Error::Closed)?;
            let connection = self.open(&record, incoming, shares)?;
            Ok(self.host.table.push(TcpStream(Arc::new(connection)))?)
        })
    }

    fn open(&self, record: &Entry, incoming: Incoming, shares: [Permit; 2]) -> Result<Connection, Error> {
        let connections = &self.ctx.connections;
        match incoming {
            Incoming::Unix(client) => {
                record.fact("transport", || "unix".to_owned());
                record.fact("proven", || {
                    client.identity.as_ref().map_or_else(|| "nobody".to_owned(), |p| p.principal.to_string())
                });
                let facts = Facts { identity: client.identity, ..facts(self.host.call) };
                let socket = Socket::Unix(client.stream);
                let connection = Connection::open(socket, facts, connections, shares);
                Ok(connection.announced(self.ctx.events.clone()))
            }
            Incoming::Tcp { stream, local, peer } => {
                record.fact("local", || print(local));
                record.fact("peer", || print(peer));
                let socket = Socket::Tcp(tokio::net::TcpStream::from_std(stream)?);
                Ok(Connection::open(socket, facts(self.host.call), connections, shares))
            }
        }
    }
}

/// What is known of a stream that this call opens.
pub(super) fn facts(call: &CallContext) -> Facts {
    Facts {
        capsule: call.capsule().clone(),
        principal: call.principal().cloned(),
        identity: None,
        dialled: None,
    }
}
