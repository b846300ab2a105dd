//! The two look-ups: in memory, ungated, never waiting, answered also while unloading.

use std::sync::Arc;

use astrid_host_context::{Audit, Op};
use astrid_host_net::{Error, PeerIdentity, TcpStream};
use wasmtime::component::Resource;

use crate::RequestContextCtxView;

static OWNER: Op = Op::new("request-context", "connection-owner", Audit::Silent);
static PRINCIPAL: Op = Op::new("request-context", "connection-principal", Audit::Silent);

impl RequestContextCtxView<'_> {
    /// The connection's id, a lower-case UUID that no other connection has; `None` if nobody was proven.
    ///
    /// # Errors
    /// [`Error::InvalidHandle`] once the host has closed the connection.
    pub fn connection_owner(&mut self, stream: &Resource<TcpStream>) -> Result<Option<String>, Error> {
        self.peer(&OWNER, stream, |peer| peer.owner.to_string())
    }

    /// The principal whose key was proven when the connection was accepted; `None` if none was.
    ///
    /// # Errors
    /// [`Error::InvalidHandle`] once the host has closed the connection.
    pub fn connection_principal(&mut self, stream: &Resource<TcpStream>) -> Result<Option<String>, Error> {
        self.peer(&PRINCIPAL, stream, |peer| peer.principal.to_string())
    }

    fn peer(
        &mut self,
        op: &'static Op,
        stream: &Resource<TcpStream>,
        tell: impl FnOnce(&Arc<PeerIdentity>) -> String,
    ) -> Result<Option<String>, Error> {
        let entry = self.host.enter(op);
        let table = &*self.host.table;
        entry.run_always(|| {
            let stream = table.get(stream).map_err(|_| Error::InvalidHandle)?;
            Ok(stream.peer_identity()?.map(tell))
        })
    }
}
