//! What the capsules' network came to.

use astrid_host_context::CapsuleId;
use astrid_host_net::StreamFigures;

use super::Runtime;

/// Counts since the runtime started, for operators. None of them names a host or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkFigures {
    /// Streams of `astrid:net`.
    pub streams: StreamFigures,
    /// Local clients turned away, by reason.
    pub handshake_failures: Vec<(&'static str, u64)>,
    /// What the airlock refused, by what the address is.
    pub airlock_rejections: Vec<(&'static str, u64)>,
    /// Requests of `astrid:http`, by capsule and what they came to: `ok`, or why not.
    pub requests: Vec<(CapsuleId, &'static str, u64)>,
}

impl Runtime {
    /// What the capsules' network came to so far.
    #[must_use]
    pub fn network_figures(&self) -> NetworkFigures {
        NetworkFigures {
            streams: self.0.net.connections.figures(),
            handshake_failures: self.0.net.session.failures(),
            airlock_rejections: self.0.net.airlock.rejections(),
            requests: self.0.http.figures(),
        }
    }
}
