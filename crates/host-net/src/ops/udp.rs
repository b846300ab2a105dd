//! `udp-bind`, and a socket's datagrams.

use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use astrid_airlock::Host;
use astrid_host_context::{Op, Target};
use astrid_host_io::{IoTable, Pollable, Readiness, ReadyState};
use tokio::time::timeout;
use wasmtime::component::Resource;

use super::options::timeout_of;
use super::wait::marked;
use crate::address::print;
use crate::limits::{MAX_RECEIVE, UDP_SOCKETS};
use crate::op_table::{ADDRESS, MAY_BIND_UDP, OPTION, SUBSCRIBE, UDP_BIND, UDP_RECV, UDP_RECV_FROM};
use crate::udp::{Datagram, Shared, Sockets};
use crate::{Error, NetCtxView, UdpSocket};

impl NetCtxView<'_> {
    pub(super) fn udp(&self, socket: &Resource<UdpSocket>) -> Result<Arc<Shared>, Error> {
        let shared = self.host.table.get(socket)?.0.clone();
        shared.alive()?;
        Ok(shared)
    }

    /// Binds a socket to a literal address or `localhost`.
    ///
    /// # Errors
    /// [`Error::Host`] or [`Error::Address`], the policy's, the budget of sockets, and the system's.
    pub async fn udp_bind(&mut self, host: &str, port: u16) -> Result<Resource<UdpSocket>, Error> {
        let entry = self.host.enter(&UDP_BIND);
        entry
            .run(async {
                let host = Host::parse(host)?;
                let ip: IpAddr = match &host {
                    Host::Literal(ip) => *ip,
                    Host::Name(name) if name == "localhost" => Ipv4Addr::LOCALHOST.into(),
                    Host::Name(_) => {
                        return Err(Error::Address("udp binds to an ip literal or localhost"));
                    }
                };
                entry.allow(MAY_BIND_UDP, Target::Endpoint { host: &host.text(), port })?;
                let share = entry.reserve(&UDP_SOCKETS, 1)?;
                entry.recordable()?;
                let sockets = Sockets::bind(SocketAddr::new(ip, port))?;
                entry.fact("local", || print(sockets.bound));
                let who = entry.call().principal();
                Ok(self.host.table.push(UdpSocket::new(sockets, share, who, self.ctx.connections.udp()))?)
            })
            .await
    }

    /// Waits for a datagram up to the read timeout; what is beyond `max` bytes of it is lost.
    ///
    /// # Errors
    /// The system's.
    pub async fn recv_from(
        &mut self,
        socket: &Resource<UdpSocket>,
        max: u32,
    ) -> Result<Option<(Vec<u8>, SocketAddr)>, Error> {
        let found = self.receive(&UDP_RECV_FROM, socket, max, false).await?;
        Ok(found.map(|datagram| {
            (datagram.data, SocketAddr::new(datagram.from.ip().to_canonical(), datagram.from.port()))
        }))
    }

    /// As [`NetCtxView::recv_from`], from the connected peer.
    ///
    /// # Errors
    /// [`Error::NotConnected`], and the system's: a peer that refused a datagram says so once.
    pub async fn recv(&mut self, socket: &Resource<UdpSocket>, max: u32) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.receive(&UDP_RECV, socket, max, true).await?.map(|datagram| datagram.data))
    }

    async fn receive(
        &mut self,
        op: &'static Op,
        socket: &Resource<UdpSocket>,
        max: u32,
        connected: bool,
    ) -> Result<Option<Datagram>, Error> {
        let entry = self.host.enter(op);
        let shared = self.udp(socket);
        let max = usize::try_from(max).unwrap_or(MAX_RECEIVE).min(MAX_RECEIVE);
        entry
            .run(marked(&entry, async {
                let shared = shared?;
                let limit = {
                    let sockets = shared.sockets.lock();
                    if connected && sockets.peer.is_none() {
                        return Err(Error::NotConnected);
                    }
                    sockets.read_timeout
                };
                let receiving = poll_fn(|cx| shared.poll(cx, |sockets, cx| sockets.poll_receive(cx, max)));
                let received = match limit {
                    None => receiving.await??,
                    Some(limit) => match timeout(limit, receiving).await {
                        Ok(received) => received??,
                        Err(_) => return Ok(None),
                    },
                };
                entry.moved(received.data.len());
                Ok(Some(received))
            }))
            .await
    }

    /// How long a receive waits, in milliseconds.
    ///
    /// # Errors
    /// [`Error::ZeroTimeout`].
    pub fn set_udp_read_timeout(
        &mut self,
        socket: &Resource<UdpSocket>,
        ms: Option<u64>,
    ) -> Result<(), Error> {
        let entry = self.host.enter(&OPTION);
        entry.run_always(|| {
            self.udp(socket)?.sockets.lock().read_timeout = timeout_of(ms)?;
            Ok(())
        })
    }

    /// Address of the connected peer.
    ///
    /// # Errors
    /// Traps only: an unknown handle.
    pub fn udp_peer_addr(&mut self, socket: &Resource<UdpSocket>) -> Result<Option<String>, Error> {
        let entry = self.host.enter(&ADDRESS);
        entry
            .run_always(|| Ok(self.udp(socket)?.sockets.lock().peer.as_ref().map(|peer| print(peer.address))))
    }

    /// The address the socket is bound to.
    ///
    /// # Errors
    /// Traps only: an unknown handle.
    pub fn udp_local_addr(&mut self, socket: &Resource<UdpSocket>) -> Result<String, Error> {
        let entry = self.host.enter(&ADDRESS);
        entry.run_always(|| Ok(print(self.udp(socket)?.sockets.lock().bound)))
    }

    /// A pollable that is ready while a datagram waits to be read. It keeps no socket open.
    ///
    /// # Errors
    /// Traps only: an unknown handle, or io's budget of pollables.
    pub fn subscribe_udp(&mut self, socket: &Resource<UdpSocket>) -> Result<Resource<Pollable>, Error> {
        let entry = self.host.enter(&SUBSCRIBE);
        entry.run_always(|| {
            let shared = Arc::downgrade(&self.host.table.get(socket)?.0);
            self.host.push_pollable(Readable(shared)).map_err(Error::IoBudget)
        })
    }
}

struct Readable(Weak<Shared>);

impl Readiness for Readable {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        match self.0.upgrade() {
            Some(shared) => {
                let readable = shared.poll(cx, Sockets::poll_readable);
                readable.map(|found| if found.is_ok() { ReadyState::Ready } else { ReadyState::Gone })
            }
            None => Poll::Ready(ReadyState::Gone),
        }
    }
}
