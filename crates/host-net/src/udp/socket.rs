//! The socket a guest bound, and the hidden one through which a loopback socket reaches the network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use astrid_airlock::Host;
use bytes::BufMut;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket as Tokio;

use super::Peers;
use crate::limits::{MAX_DATAGRAM_V4, MAX_DATAGRAM_V6, MAX_RECEIVE};

/// A datagram and its sender.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) data: Vec<u8>,
    pub(crate) from: SocketAddr,
}

/// Which of the two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Bound,
    Outward,
}

/// Whom the socket is connected to.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) host: Host,
    pub(crate) address: SocketAddr,
    pub(crate) way: Way,
}

#[derive(Debug)]
pub(crate) struct Sockets {
    /// `None` once the socket was taken away.
    main: Option<Tokio>,
    outward: Option<Tokio>,
    pub(crate) bound: SocketAddr,
    pub(crate) peer: Option<Peer>,
    /// Peers that wrote; they may be answered.
    pub(crate) heard: Peers,
    /// Peers written to through the outward socket; they may answer.
    told: Peers,
    /// A datagram or failure that readiness found.
    ahead: Option<io::Result<Datagram>>,
    pub(crate) read_timeout: Option<Duration>,
}

impl Sockets {
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let main = open(address)?;
        Ok(Self {
            bound: main.local_addr()?,
            main: Some(main),
            outward: None,
            peer: None,
            heard: Peers::default(),
            told: Peers::default(),
            ahead: None,
            read_timeout: None,
        })
    }

    pub(crate) fn fits(&self, address: &SocketAddr) -> bool {
        address.is_ipv4() == self.bound.is_ipv4()
    }

    pub(crate) fn max_datagram(&self) -> usize {
        if self.bound.is_ipv4() { MAX_DATAGRAM_V4 } else { MAX_DATAGRAM_V6 }
    }

    /// The socket from which `peer` can be reached, opened if need be.
    pub(crate) fn way_to(&mut self, peer: SocketAddr) -> io::Result<Way> {
        if !self.bound.ip().is_loopback() || peer.ip().is_loopback() {
            return Ok(Way::Bound);
        }
        if self.outward.is_none() {
            let any: IpAddr = match self.bound {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            self.outward = Some(open(SocketAddr::new(any, 0))?);
        }
        Ok(Way::Outward)
    }

    fn socket(&self, way: Way) -> io::Result<&Tokio> {
        let socket = match (way, &self.outward) {
            (Way::Outward, Some(outward)) => Some(outward),
            _ => self.main.as_ref(),
        };
        socket.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Closes both; what they had received is gone.
    pub(super) fn close(&mut self) {
        (self.main, self.outward, self.ahead) = (None, None, None);
    }

    /// Sends one datagram whole; to the connected peer if there is one.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
        to: SocketAddr,
        way: Way,
    ) -> Poll<io::Result<usize>> {
        loop {
            let socket = self.socket(way)?;
            let sent = match &self.peer {
                Some(peer) if peer.way == way => socket.try_send(data),
                _ => socket.try_send_to(data, to),
            };
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(socket.poll_send_ready(cx))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => {
                    if sent.is_ok() && way == Way::Outward {
                        self.told.note(to);
                    }
                    return Poll::Ready(sent);
                }
            }
        }
    }

    /// The next datagram the guest may see, cut to `max` bytes.
    pub(crate) fn poll_receive(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<Datagram>> {
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(ahead.map(|mut datagram| {
                datagram.data.truncate(max);
                datagram
            }));
        }
        for way in [Way::Bound, Way::Outward] {
            if way == Way::Outward && self.outward.is_none() {
                continue;
            }
            while let Poll::Ready(received) = self.poll_one(cx, way, max) {
                match received {
                    Ok(datagram) if !self.is_for_guest(&datagram, way) => {}
                    Ok(datagram) => {
                        self.heard.note(datagram.from);
                        return Poll::Ready(Ok(datagram));
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        }
        Poll::Pending
    }

    fn poll_one(&self, cx: &mut Context<'_>, way: Way, max: usize) -> Poll<io::Result<Datagram>> {
        let socket = self.socket(way)?;
        // The kernel wants room for a byte even to throw a datagram away.
        let mut data = Vec::with_capacity(max.max(1));
        loop {
            match socket.try_recv_buf_from(&mut (&mut data).limit(max.max(1))) {
                Ok((_, from)) => {
                    data.truncate(max);
                    return Poll::Ready(Ok(Datagram { data, from }));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(socket.poll_recv_ready(cx))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn is_for_guest(&self, datagram: &Datagram, way: Way) -> bool {
        match &self.peer {
            Some(peer) => peer.address == datagram.from,
            None => way == Way::Bound || self.told.knows(datagram.from),
        }
    }

    /// Ready while the guest has a datagram, or a failure, to read.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ahead.is_none() {
            let mut found = ready!(self.poll_receive(cx, MAX_RECEIVE));
            if let Ok(datagram) = &mut found {
                datagram.data.shrink_to_fit();
            }
            self.ahead = Some(found);
        }
        Poll::Ready(())
    }

    /// Makes `address` the only peer. What others sent is discarded. A failure leaves the old state.
    pub(crate) fn connect(&mut self, host: Host, address: SocketAddr) -> io::Result<()> {
        let way = self.way_to(address)?;
        SockRef::from(self.socket(way)?).connect(&address.into())?;
        if let Some(old) = self.peer.take().filter(|old| old.way != way) {
            self.release(old.way)?;
        }
        if way == Way::Outward {
            self.told.note(address);
        }
        self.ahead = self.ahead.take().filter(|a| a.as_ref().is_ok_and(|d| d.from == address));
        self.peer = Some(Peer { host, address, way });
        Ok(())
    }

    /// Undoes a connect, if there is one.
    pub(crate) fn disconnect(&mut self) -> io::Result<()> {
        match self.peer.take() {
            Some(peer) => self.release(peer.way),
            None => Ok(()),
        }
    }

    fn release(&self, way: Way) -> io::Result<()> {
        let socket = self.socket(way)?;
        let before = socket.local_addr()?;
        rustix::net::connect_unspec(socket)?;
        // Linux gives a port back that it had chosen itself, and the guest has told it to others.
        if way == Way::Bound && socket.local_addr()?.port() != before.port() {
            SockRef::from(socket).bind(&self.bound.into())?;
        }
        Ok(())
    }
}

fn open(address: SocketAddr) -> io::Result<Tokio> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // One family a socket, so that a peer's address means the same in every call.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Tokio::from_std(socket.into())
}
