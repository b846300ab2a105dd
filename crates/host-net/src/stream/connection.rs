//! What the handles of one socket share, from the first to the last.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use astrid_host_context::{CapsuleId, Permit, Principal};
use astrid_host_io::{Readiness, ReadyState};

use super::core::Core;
use super::socket::Socket;
use crate::connections::{Facts, Registration};
use crate::peer::{ClientEvents, PeerIdentity};
use crate::{Connections, Error};

/// The `tcp-stream` resource. The connection lives until this handle and every half of it is dropped.
pub struct TcpStream(pub(crate) Arc<Connection>);

impl TcpStream {
    /// Who was proven to be at the other end when the connection was accepted; the same answer for
    /// the whole life of the handle.
    ///
    /// # Errors
    /// [`Error::InvalidHandle`] once the host has closed the connection.
    pub fn peer_identity(&self) -> Result<Option<&Arc<PeerIdentity>>, Error> {
        self.0.core.alive()?;
        Ok(self.0.identity.as_ref())
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream").finish_non_exhaustive()
    }
}

impl Readiness for TcpStream {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        self.0.core.poll_readable(cx).map(|()| ReadyState::Ready)
    }
}

/// A socket, its share of the budgets, and what is said when it ends.
pub(crate) struct Connection {
    /// Before the socket, which the set of open streams counts for as long as it knows of it.
    registration: Registration,
    pub(crate) core: Arc<Core>,
    pub(crate) identity: Option<Arc<PeerIdentity>>,
    capsule: CapsuleId,
    opened: Instant,
    /// Said at the end, if the beginning was said.
    goodbye: Option<(Arc<dyn ClientEvents>, Principal)>,
    _shares: [Permit; 2],
}

impl Connection {
    pub(crate) fn open(socket: Socket, facts: Facts, connections: &Connections, shares: [Permit; 2]) -> Self {
        let core = Arc::new(Core::new(socket));
        Self {
            identity: facts.identity.clone(),
            capsule: facts.capsule.clone(),
            registration: connections.register(&core, facts),
            core,
            opened: Instant::now(),
            goodbye: None,
            _shares: shares,
        }
    }

    /// Says that a local client came, and will say that it went.
    pub(crate) fn announced(mut self, events: Arc<dyn ClientEvents>) -> Self {
        let principal =
            self.identity.as_ref().map_or_else(Principal::anonymous, |peer| peer.principal.clone());
        events.connected(&principal);
        self.goodbye = Some((events, principal));
        self
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.core.close();
        let (received, sent) = (self.core.read.lock().received, self.core.write.lock().sent);
        self.registration.moved(received, sent);
        tracing::info!(
            target: "astrid.audit.net",
            capsule = self.capsule.as_str(),
            received,
            sent,
            lifetime_ms = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX),
            "stream closed",
        );
        if let Some((events, principal)) = self.goodbye.take() {
            events.disconnected(&principal);
        }
    }
}
