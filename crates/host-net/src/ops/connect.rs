//! `connect-tcp`.

use std::sync::Arc;

use astrid_airlock::Host;
use astrid_host_context::Target;
use tokio::time::timeout;
use wasmtime::component::Resource;

use super::accept::{Budgets, facts, reserve};
use super::wait::marked;
use crate::address::print;
use crate::connections::Facts;
use crate::limits::CONNECT_TIME;
use crate::op_table::{CONNECT_TCP, MAY_CONNECT};
use crate::stream::connection::Connection;
use crate::stream::socket::Socket;
use crate::{Error, NetCtxView, TcpStream};

impl NetCtxView<'_> {
    /// Connects to a host, resolving it once and dialling only what the airlock admitted, all within
    /// [`CONNECT_TIME`].
    ///
    /// # Errors
    /// [`Error::Host`] or [`Error::Address`] (port 0), the policy's, [`Error::Airlock`] for a literal,
    /// the budget of streams, [`Error::Unresolvable`], [`Error::Airlock`], [`Error::Timeout`], and the
    /// system's, which an address that failed within the last second answers again without a packet.
    pub async fn connect_tcp(&mut self, host: &str, port: u16) -> Result<Resource<TcpStream>, Error> {
        let entry = self.host.enter(&CONNECT_TCP);
        entry
            .run(marked(&entry, async {
                let host = endpoint(host, port)?;
                entry.allow(MAY_CONNECT, Target::Endpoint { host: &host.text(), port })?;
                let (airlock, capsule) = (&self.ctx.airlock, entry.call().capsule());
                airlock.check_literal(capsule, &host, port)?;
                let shares = reserve(&entry, &Budgets(self.host.services))?;
                entry.recordable()?;
                let dialling = async {
                    let vetted = airlock.vet(capsule, &host, port).await?;
                    Ok::<_, Error>(vetted.dial_sparing(&self.ctx.recent).await?)
                };
                let stream = timeout(CONNECT_TIME, dialling).await.map_err(|_| Error::Timeout)??;
                let address = stream.peer_addr()?;
                entry.fact("address", || print(address));
                let facts = Facts { dialled: Some((host.clone(), address)), ..facts(entry.call()) };
                let connection = Connection::open(Socket::Tcp(stream), facts, &self.ctx.connections, shares);
                // The operator may have taken the entry back meanwhile, before this stream could be found.
                airlock.admits(capsule, &host, address)?;
                Ok(self.host.table.push(TcpStream(Arc::new(connection)))?)
            }))
            .await
    }
}

/// A host and port one can send to.
pub(super) fn endpoint(host: &str, port: u16) -> Result<Host, Error> {
    let host = Host::parse(host)?;
    if port == 0 { Err(Error::Address("port 0 is nobody's")) } else { Ok(host) }
}
