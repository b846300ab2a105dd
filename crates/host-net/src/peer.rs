//! Who is at the other end of a local connection, and who hears of it.

use std::sync::Arc;

use astrid_host_context::{Principal, Transport, Uuid};

/// A peer whose key signed this host's challenge. Made once a connection and never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// Whose key it was.
    pub principal: Principal,
    /// Which of that principal's keys, see [`crate::DeviceKey::id`].
    pub device_key: Arc<str>,
    /// The connection itself, for comparison; no host function takes it as authority.
    pub owner: Uuid,
    /// Where the connection came in.
    pub transport: Transport,
}

/// Hears whose frame a store read last. The kernel of an uplink capsule gives one that its `astrid:ipc`
/// reads back when the guest publishes for somebody.
pub trait FrameObserver: Send + Sync {
    /// A framed read ended: with data of this proven peer, or with anything else.
    fn frame_read(&self, peer: Option<&PeerIdentity>);
}

/// Hears of local clients, for `client.v1.connect` and `client.v1.disconnect`. Called on runtime
/// workers: an implementation does not wait.
pub trait ClientEvents: Send + Sync {
    /// A connection was handed to the capsule. The principal is the proven one or `anonymous`.
    fn connected(&self, principal: &Principal);

    /// Its last handle is gone. The same principal, exactly once.
    fn disconnected(&self, principal: &Principal);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoClientEvents;

impl ClientEvents for NoClientEvents {
    fn connected(&self, _: &Principal) {}

    fn disconnected(&self, _: &Principal) {}
}
