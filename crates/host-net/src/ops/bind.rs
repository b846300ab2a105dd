//! `bind-unix`, `bind-tcp`, and the address of a listener.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use astrid_airlock::Host;
use astrid_host_context::Target;
use wasmtime::component::Resource;

use super::UnixListener;
use crate::address::print;
use crate::limits::TCP_LISTENERS;
use crate::op_table::{ADDRESS, BIND_TCP, BIND_UNIX, MAY_ACCEPT_UNIX, MAY_BIND_TCP};
use crate::{Error, NetCtxView, TcpListener};

impl NetCtxView<'_> {
    /// Another handle on the socket the kernel made for this capsule.
    ///
    /// # Errors
    /// The policy's; [`Error::Address`] on a host that made none.
    pub async fn bind_unix(&mut self) -> Result<Resource<UnixListener>, Error> {
        let entry = self.host.enter(&BIND_UNIX);
        entry
            .run(async {
                entry.allow(MAY_ACCEPT_UNIX, Target::None)?;
                entry.recordable()?;
                let none = Error::Address("this host made no local socket for the capsule");
                let endpoint = self.ctx.endpoint.clone().ok_or(none)?;
                Ok(self.host.table.push(UnixListener(endpoint))?)
            })
            .await
    }

    /// Listens on a loopback address; port 0 lets the system choose.
    ///
    /// # Errors
    /// [`Error::Host`], the policy's, [`Error::Airlock`] for what is not loopback, the budget of
    /// listeners, and the system's, in this order.
    pub async fn bind_tcp(&mut self, host: &str, port: u16) -> Result<Resource<TcpListener>, Error> {
        let entry = self.host.enter(&BIND_TCP);
        entry
            .run(async {
                let parsed = Host::parse(host)?;
                entry.allow(MAY_BIND_TCP, Target::Endpoint { host: &parsed.text(), port })?;
                let address = SocketAddr::new(loopback(host, &parsed)?, port);
                let listener = self.ctx.listeners.open(address, || {
                    let share = entry.reserve(&TCP_LISTENERS, 1)?;
                    entry.recordable()?;
                    Ok(share)
                })?;
                entry.fact("local", || print(listener.0.local));
                Ok(self.host.table.push(listener)?)
            })
            .await
    }

    /// The address a listener has.
    ///
    /// # Errors
    /// Traps only: an unknown handle.
    pub fn listener_addr(&mut self, listener: &Resource<TcpListener>) -> Result<String, Error> {
        let entry = self.host.enter(&ADDRESS);
        entry.run_always(|| Ok(print(self.host.table.get(listener)?.0.local)))
    }
}

/// The loopback address a guest means; `localhost` is not resolved.
fn loopback(given: &str, host: &Host) -> Result<IpAddr, Error> {
    let bare = given.strip_prefix('[').and_then(|given| given.strip_suffix(']')).unwrap_or(given);
    let mapped = bare.parse::<Ipv6Addr>().is_ok_and(|v6| v6.to_ipv4_mapped().is_some());
    match host {
        Host::Name(name) if name == "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        Host::Literal(ip) if ip.is_loopback() && !mapped => Ok(*ip),
        _ => Err(Error::Airlock(format!("{host} is not loopback, the only thing capsules may listen on"))),
    }
}
