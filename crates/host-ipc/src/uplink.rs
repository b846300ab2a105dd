//! What the host knows when a capsule speaks for somebody else.

use std::collections::HashSet;
use std::sync::Arc;

use astrid_host_context::{Principal, Transport, Uuid};
use parking_lot::Mutex;

/// Whoever stands at the other end of a connection whose principal the host itself verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenPeer {
    /// The principal whose key signed the challenge.
    pub principal: Principal,
    /// Where the connection came in.
    pub transport: Transport,
    /// The key that signed.
    pub device_key: Option<Arc<str>>,
    /// The connection, so that prompts find their way back to it.
    pub request_owner: Option<Uuid>,
}

/// Answers whose frame the store read last. A kernel implements it over its `astrid:net`.
pub trait UplinkEvidence: Send + Sync {
    /// The peer whose data the last framed read of this store returned; `None` if that read returned
    /// no data or came from a connection without proof.
    fn in_flight(&self) -> Option<ProvenPeer>;
}

/// The plain [`UplinkEvidence`]: one place a store that whoever reads frames writes to. A clone is
/// the same place.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Mutex<Option<ProvenPeer>>>);

impl InFlight {
    /// Nobody is in flight.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes the outcome of a framed read: the peer if it returned data of a proven connection, else
    /// `None`, so that no identity outlives its frame.
    pub fn read_returned(&self, peer: Option<ProvenPeer>) {
        *self.0.lock() = peer;
    }
}

impl UplinkEvidence for InFlight {
    fn in_flight(&self) -> Option<ProvenPeer> {
        self.0.lock().clone()
    }
}

/// For whom the operator lets this uplink act, `[uplinks."<capsule>"] act_for`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ActFor {
    /// Nobody: a claim has no authority.
    #[default]
    Nobody,
    /// These principals.
    These(HashSet<Principal>),
    /// Anybody.
    Anybody,
}

impl ActFor {
    /// Whether a claim of this name is delegated.
    #[must_use]
    pub fn covers(&self, principal: &Principal) -> bool {
        match self {
            Self::Nobody => false,
            Self::These(names) => names.contains(principal),
            Self::Anybody => true,
        }
    }
}
