//! Sending datagrams, and the one peer a socket may be connected to.

use std::future::poll_fn;
use std::net::SocketAddr;

use astrid_airlock::{Airlock, Host};
use astrid_host_context::{Entry, Target};
use tokio::time::timeout;
use wasmtime::component::Resource;

use super::connect::endpoint;
use super::wait::marked;
use crate::address::print;
use crate::limits::{LOOKUP_TIME, SEND_WAIT};
use crate::op_table::{MAY_SEND_UDP, UDP_CONNECT, UDP_DISCONNECT, UDP_SEND, UDP_SEND_TO};
use crate::udp::{Shared, Way};
use crate::{Error, NetCtxView, UdpSocket};

impl NetCtxView<'_> {
    /// Sends one datagram to a peer that is allowed, or that wrote to this socket in the last minute.
    ///
    /// # Errors
    /// [`Error::Host`] or [`Error::Address`], [`Error::MessageTooLong`], [`Error::Connected`] to
    /// somebody else, the policy's, [`Error::Unresolvable`], [`Error::Airlock`],
    /// [`Error::WouldBlock`] while the kernel has no room for 5 s, and the system's.
    pub async fn send_to(
        &mut self,
        socket: &Resource<UdpSocket>,
        data: &[u8],
        host: &str,
        port: u16,
    ) -> Result<u32, Error> {
        let entry = self.host.enter(&UDP_SEND_TO);
        let (shared, airlock) = (self.udp(socket), &self.ctx.airlock);
        entry
            .run(marked(&entry, async {
                let shared = shared?;
                let host = endpoint(host, port)?;
                let to = match known(&shared, &host, port, data.len())? {
                    Some(address) => address,
                    None => vetted(airlock, &entry, &shared, &host, port).await?,
                };
                let way = shared.sockets.lock().way_to(to)?;
                deliver(&entry, &shared, data, to, way).await
            }))
            .await
    }

    /// Makes one peer the only one to send to and hear from.
    ///
    /// # Errors
    /// As [`NetCtxView::send_to`], and then the former state stays.
    pub async fn udp_connect(
        &mut self,
        socket: &Resource<UdpSocket>,
        host: &str,
        port: u16,
    ) -> Result<(), Error> {
        let entry = self.host.enter(&UDP_CONNECT);
        let (shared, airlock) = (self.udp(socket), &self.ctx.airlock);
        entry
            .run(marked(&entry, async {
                let shared = shared?;
                let host = endpoint(host, port)?;
                let address = vetted(airlock, &entry, &shared, &host, port).await?;
                entry.recordable()?;
                entry.fact("address", || print(address));
                Ok(shared.sockets.lock().connect(host, address)?)
            }))
            .await
    }

    /// Undoes a connect, if there is one.
    ///
    /// # Errors
    /// The system's.
    pub async fn udp_disconnect(&mut self, socket: &Resource<UdpSocket>) -> Result<(), Error> {
        let entry = self.host.enter(&UDP_DISCONNECT);
        let shared = self.udp(socket);
        entry.run(async { Ok(shared?.sockets.lock().disconnect()?) }).await
    }

    /// Sends one datagram to the connected peer.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::MessageTooLong`], [`Error::WouldBlock`] as for
    /// [`NetCtxView::send_to`], and the system's: a peer that refused a datagram says so once.
    pub async fn send(&mut self, socket: &Resource<UdpSocket>, data: &[u8]) -> Result<u32, Error> {
        let entry = self.host.enter(&UDP_SEND);
        let shared = self.udp(socket);
        entry
            .run(marked(&entry, async {
                let shared = shared?;
                let peer = {
                    let sockets = shared.sockets.lock();
                    let peer = sockets.peer.clone().ok_or(Error::NotConnected)?;
                    if data.len() > sockets.max_datagram() {
                        return Err(Error::MessageTooLong);
                    }
                    peer
                };
                deliver(&entry, &shared, data, peer.address, peer.way).await
            }))
            .await
    }
}

/// The first address of the socket's family that policy and airlock let through.
async fn vetted(
    airlock: &Airlock,
    entry: &Entry,
    shared: &Shared,
    host: &Host,
    port: u16,
) -> Result<SocketAddr, Error> {
    entry.allow(MAY_SEND_UDP, Target::Endpoint { host: &host.text(), port })?;
    let asking = airlock.vet(entry.call().capsule(), host, port);
    let vetted = timeout(LOOKUP_TIME, asking).await.map_err(|_| Error::Timeout)??;
    let sockets = shared.sockets.lock();
    let first = vetted.addresses().iter().find(|address| sockets.fits(address)).copied();
    first.ok_or(Error::Address("the peer has no address of the socket's family"))
}

/// The peer's address, if it needs no permission: the connected one, or one that wrote a while ago.
fn known(shared: &Shared, host: &Host, port: u16, len: usize) -> Result<Option<SocketAddr>, Error> {
    let sockets = shared.sockets.lock();
    if len > sockets.max_datagram() {
        return Err(Error::MessageTooLong);
    }
    let literal = match host {
        Host::Literal(ip) => Some(SocketAddr::new(*ip, port)),
        Host::Name(_) => None,
    };
    match &sockets.peer {
        Some(peer) if literal == Some(peer.address) => Ok(Some(peer.address)),
        Some(peer) if peer.host == *host && peer.address.port() == port => Ok(Some(peer.address)),
        Some(_) => Err(Error::Connected),
        None => Ok(literal.filter(|address| sockets.heard.knows(*address))),
    }
}

async fn deliver(
    entry: &Entry,
    shared: &Shared,
    data: &[u8],
    to: SocketAddr,
    way: Way,
) -> Result<u32, Error> {
    let sending = poll_fn(|cx| shared.sockets.lock().poll_send(cx, data, to, way));
    let sent = timeout(SEND_WAIT, sending).await.map_err(|_| Error::WouldBlock)??;
    entry.moved(sent);
    Ok(u32::try_from(sent).unwrap_or(u32::MAX))
}
