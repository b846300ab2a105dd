//! Whose run loops may compute without pause.

use astrid_host_context::Principal;
use astrid_principals::Principals;

/// Says whether an operator freed a principal's run loops from the CPU windows. A manifest cannot: only what the
/// owner's profile resolves counts, and who has no profile that can be read is bounded.
pub trait Exempt: Send + Sync + 'static {
    /// True if the profile of `owner` resolves any of `system:resources:unbounded`, `net_bind`, `uplink` or `*`.
    /// Asked when a run loop starts.
    fn is_exempt(&self, owner: &Principal) -> bool;
}

/// What an owner's profile may hold to be free; `*` covers them all.
const FREE: [&str; 3] = ["system:resources:unbounded", "net_bind", "uplink"];

impl Exempt for Principals {
    fn is_exempt(&self, owner: &Principal) -> bool {
        FREE.iter().any(|capability| self.holds(owner, capability))
    }
}
