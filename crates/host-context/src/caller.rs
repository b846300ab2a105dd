//! The message that made a call happen, as the host recorded it. Nothing here comes from a payload.

use std::sync::Arc;
use std::time::SystemTime;

use crate::{Principal, Uuid};

/// What the host knows about the publisher's identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Attribution {
    /// The host itself established the principal.
    Verified(Principal),
    /// A relay named the principal and nothing proves it. A claim stays a claim through every hop.
    Claimed(Principal),
    /// The host speaks for itself.
    System,
}

impl Attribution {
    /// The named principal, verified or claimed; `None` for the host itself.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Verified(p) | Self::Claimed(p) => Some(p),
            Self::System => None,
        }
    }
}

/// How a request entered the host. A hop never raises it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Transport {
    /// Made inside the host.
    #[default]
    System,
    /// Came in over the local session socket.
    LocalSocket,
    /// Came in through a gateway on another machine.
    RemoteGateway,
}

/// Host-held facts that travel with a message and are inherited by everything published while
/// serving it. Guests can neither see nor set any of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Provenance {
    /// Whom the message speaks for.
    pub attribution: Attribution,
    /// Where it entered.
    pub transport: Transport,
    /// The device key that signed the connection, if one did.
    pub device_key: Option<Arc<str>>,
    /// The connection whose request this is, so that prompts find their way back to it.
    pub request_owner: Option<Uuid>,
}

impl Provenance {
    /// A message of the host itself.
    #[must_use]
    pub fn system() -> Self {
        Self::of(Attribution::System)
    }

    /// A message with this attribution that was made inside the host.
    #[must_use]
    pub fn of(attribution: Attribution) -> Self {
        Self { attribution, transport: Transport::System, device_key: None, request_owner: None }
    }
}

/// The capsules a chain of publications has passed, which bounds loops (ipc chapter §3.6).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trail {
    visited: Arc<[Uuid]>,
    depth: u8,
}

/// Entries kept in a [`Trail`]; the ipc chapter bounds the list, older entries fall out first.
const TRAIL_CAP: usize = 64;

impl Trail {
    /// How often the chain came back to a capsule it had already passed.
    #[must_use]
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// The trail of an invocation of `capsule` that a message with this trail causes.
    #[must_use]
    pub fn entering(&self, capsule: Uuid) -> Self {
        if self.visited.contains(&capsule) {
            return Self { visited: self.visited.clone(), depth: self.depth.saturating_add(1) };
        }
        let skip = (self.visited.len() + 1).saturating_sub(TRAIL_CAP);
        let visited = self.visited.iter().skip(skip).copied().chain([capsule]).collect();
        Self { visited, depth: self.depth }
    }
}

/// The message being served: what `sys.get-caller` tells the guest, and what its own publications inherit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who is behind the message.
    pub provenance: Provenance,
    /// The sending capsule's session id, nil for the host.
    pub source: Uuid,
    /// When the message was published.
    pub at: SystemTime,
    /// The loop guard this invocation starts from.
    pub trail: Trail,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_grows_only_when_a_chain_returns_to_a_capsule() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = Trail::default().entering(a).entering(b);
        assert_eq!(first.depth(), 0);
        assert_eq!(first.entering(a).depth(), 1);
        assert_eq!(first.entering(a).entering(b).depth(), 2);
    }

    #[test]
    fn a_trail_keeps_at_most_64_entries() {
        let long = (0..100).fold(Trail::default(), |t, n| t.entering(Uuid::from_u128(n)));
        assert_eq!(long.visited.len(), TRAIL_CAP);
        assert_eq!(long.entering(Uuid::from_u128(99)).depth(), 1);
    }
}
