//! Addresses and socket options of a stream. None of them waits; all of them are for TCP alone.

use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::Op;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream as TokioStream;
use wasmtime::component::Resource;

use crate::address::print;
use crate::limits::{MAX_LINGER, MAX_TIMEOUT};
use crate::op_table::{ADDRESS, OPTION};
use crate::stream::connection::Connection;
use crate::stream::core::Settings;
use crate::{Error, NetCtxView, TcpStream};

/// A TCP stream, looked at by an option.
struct Tcp<'a> {
    socket: &'a TokioStream,
    connection: &'a Connection,
}

impl Tcp<'_> {
    fn options(&self) -> SockRef<'_> {
        SockRef::from(self.socket)
    }

    fn settings(&self) -> parking_lot::MutexGuard<'_, Settings> {
        self.connection.core.settings.lock()
    }

    fn is_v6(&self) -> Result<bool, Error> {
        Ok(self.socket.local_addr()?.is_ipv6())
    }
}

/// A timeout as a guest sets it.
pub(super) fn timeout_of(ms: Option<u64>) -> Result<Option<Duration>, Error> {
    match ms {
        Some(0) => Err(Error::ZeroTimeout),
        Some(ms) => Ok(Some(Duration::from_millis(ms).min(MAX_TIMEOUT))),
        None => Ok(None),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds that every system takes for keep-alive.
const KEEPALIVE: std::ops::RangeInclusive<u64> = 1..=32_767;

impl NetCtxView<'_> {
    fn tcp<T>(
        &mut self,
        op: &'static Op,
        stream: &Resource<TcpStream>,
        ask: impl FnOnce(Tcp<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let entry = self.host.enter(op);
        let connection: Result<Arc<Connection>, Error> = self.connection(stream);
        entry.run_always(|| {
            let connection = connection?;
            let socket = connection.core.socket.tcp().ok_or(Error::NotTcp)?;
            ask(Tcp { socket, connection: &connection })
        })
    }

    /// Address of the peer.
    ///
    /// # Errors
    /// [`Error::NotTcp`], as every function here.
    pub fn peer_addr(&mut self, stream: &Resource<TcpStream>) -> Result<String, Error> {
        self.tcp(&ADDRESS, stream, |tcp| Ok(print(tcp.socket.peer_addr()?)))
    }

    /// Address of this end.
    ///
    /// # Errors
    /// [`Error::NotTcp`].
    pub fn local_addr(&mut self, stream: &Resource<TcpStream>) -> Result<String, Error> {
        self.tcp(&ADDRESS, stream, |tcp| Ok(print(tcp.socket.local_addr()?)))
    }

    /// Sends small writes at once.
    ///
    /// # Errors
    /// [`Error::NotTcp`].
    pub fn set_nodelay(&mut self, stream: &Resource<TcpStream>, nodelay: bool) -> Result<(), Error> {
        self.tcp(&OPTION, stream, |tcp| Ok(tcp.socket.set_nodelay(nodelay)?))
    }

    /// Whether small writes are sent at once.
    ///
    /// # Errors
    /// [`Error::NotTcp`].
    pub fn nodelay(&mut self, stream: &Resource<TcpStream>) -> Result<bool, Error> {
        self.tcp(&OPTION, stream, |tcp| Ok(tcp.socket.nodelay()?))
    }

    /// How long reads wait, in milliseconds.
    ///
    /// # Errors
    /// [`Error::NotTcp`], [`Error::ZeroTimeout`].
    pub fn set_read_timeout(&mut self, stream: &Resource<TcpStream>, ms: Option<u64>) -> Result<(), Error> {
        self.tcp(&OPTION, stream, |tcp| {
            tcp.settings().read_timeout = timeout_of(ms)?;
            Ok(())
        })
    }

    /// The read timeout in force, in milliseconds.
    ///
    /// # Errors
    /// [`Error::NotTcp`].
    pub fn read_timeout(&mut self, stream: &Resource<TcpStream>) -> Result<Option<u64>, Error> {
        self.tcp(&OPTION, stream, |tcp| Ok(tcp.settings().read_timeout.map(millis)))
    }

    /// How long writes wait, in milliseconds.
    ///
    /// # Errors
    /// [`Error::NotTcp`], [`Error::ZeroTimeout`].
    pub fn set_write_timeout(&mut self, stream: &Resource<TcpStream>, ms: Option<u64>) -> Result<(), Error> {
        self.tcp(&OPTION, stream, |tcp| {
            tcp.settings().write_timeout = timeout_of(ms)?;
            Ok(())
        })
    }

    /// The write timeout in force, in milliseconds.
    ///
    /// # Errors
    /// [`Error::NotTcp`].
    pub fn write_timeout(&mut self, stream: &Resource<TcpStream>) -> Result<Option<u64>, Error> {
        self.tcp(&OPTION, stream, |tcp| Ok(tcp.settings().write_timeout.map(millis)))
    }

    /// How many hops a packet may take.
    ///
    /// # Errors
    /// [`Error::NotTcp`], [`Error::HopLimit`] outside 1 to 255.
    pub fn set_hop_limit(&mut self, stream: &Resource<TcpStream>, hops: u32) -> Result<(), Error> {
        self.tcp(&OPTION, stream, |tcp| {
            if !(1..=255).contains(&hops) {
                return Err(Error::HopLimit);
            }
            if tcp.is_v6()? {
                tcp.options().set_unicast_hops_v6(hops)?;
            } else {
                tcp.options().set_ttl_v4(hops)?;
            }
            Ok(())
        })
    }

    /// The hop limit in force.
    ///
    /// # Errors
    /// [`Error::NotTcp`].
    pub fn hop_limit(&mut self, stream: &Resource<TcpStream>) -> Result<u32, Error> {
        self.tcp(&OPTION, stream, |tcp| {
            Ok(if tcp.is_v6()? { tcp.options().unicast_hops_v6()? } else { tcp.options().ttl_v4()? })
        })
    }

    /// After how many idle seconds the peer is probed, kept within 1 to 32,767; `None` for never.
    ///
    /// # Errors
    /// [`Error::NotTcp`].
    pub fn set_keepalive(&mut self, stream: &Resource<TcpStream>, secs: Option<u64>) -> Result<(), Error> {
        self.tcp(&OPTION, stream, |tcp| {
            let secs = secs.map(|secs| secs.clamp(*KEEPALIVE.start(), *KEEPALIVE.end()));
            match secs.map(Duration::from_secs) {
                Some(time) => {
                    let probes = TcpKeepalive::new().with_time(time).with_interval(time);
                    tcp.options().set_tcp_keepalive(&probes)?;
                }
                None => tcp.options().set_keepalive(false)?,
            }
            tcp.settings().keepalive = secs;
            Ok(())
        })
    }

    /// The keep-alive time in force, in seconds.
    ///
    /// # Errors
    /// [`Error::NotTcp`].
    pub fn keepalive(&mut self, stream: &Resource<TcpStream>) -> Result<Option<u64>, Error> {
        self.tcp(&OPTION, stream, |tcp| Ok(tcp.settings().keepalive))
    }

    /// How long closing may take, in milliseconds; the kernel knows whole seconds, rounded up.
    ///
    /// # Errors
    /// [`Error::NotTcp`].
    pub fn set_linger(&mut self, stream: &Resource<TcpStream>, ms: Option<u64>) -> Result<(), Error> {
        self.tcp(&OPTION, stream, |tcp| {
            let ms = ms.map(|ms| ms.min(millis(MAX_LINGER)));
            tcp.options().set_linger(ms.map(|ms| Duration::from_secs(ms.div_ceil(1000))))?;
            tcp.settings().linger = ms;
            Ok(())
        })
    }

    /// The linger time as it was set, in milliseconds.
    ///
    /// # Errors
    /// [`Error::NotTcp`].
    pub fn linger(&mut self, stream: &Resource<TcpStream>) -> Result<Option<u64>, Error> {
        self.tcp(&OPTION, stream, |tcp| Ok(tcp.settings().linger))
    }

    /// Lets the local address be used again early.
    ///
    /// # Errors
    /// [`Error::NotTcp`].
    pub fn set_reuseaddr(&mut self, stream: &Resource<TcpStream>, reuse: bool) -> Result<(), Error> {
        self.tcp(&OPTION, stream, |tcp| Ok(tcp.options().set_reuse_address(reuse)?))
    }

    /// Whether the local address may be used again early.
    ///
    /// # Errors
    /// [`Error::NotTcp`].
    pub fn reuseaddr(&mut self, stream: &Resource<TcpStream>) -> Result<bool, Error> {
        self.tcp(&OPTION, stream, |tcp| Ok(tcp.options().reuse_address()?))
    }
}
