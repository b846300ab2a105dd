//! Datagram sockets.

mod peers;
mod socket;

pub(crate) use peers::Peers;
pub(crate) use socket::{Datagram, Sockets, Way};

use std::fmt;
use std::sync::Arc;

use astrid_host_context::Permit;
use parking_lot::Mutex;

/// The `udp-socket` resource.
pub struct UdpSocket(pub(crate) Arc<Shared>);

/// What the handle and its pollables share.
pub(crate) struct Shared {
    pub(crate) sockets: Mutex<Sockets>,
    _share: Permit,
}

impl UdpSocket {
    pub(crate) fn new(sockets: Sockets, share: Permit) -> Self {
        Self(Arc::new(Shared { sockets: Mutex::new(sockets), _share: share }))
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket").finish_non_exhaustive()
    }
}
