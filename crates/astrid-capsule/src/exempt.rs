//! Whose run loops may compute without pause.

use astrid_host_context::Principal;

/// Says whether an operator freed a principal's run loops from the CPU windows. A manifest cannot: only what the
/// owner's profile resolves counts, and who has no profile that can be read is bounded.
pub trait Exempt: Send + Sync + 'static {
    /// True if the profile of `owner` resolves any of `system:resources:unbounded`, `net_bind`, `uplink` or `*`.
    /// Asked when a run loop starts.
    fn is_exempt(&self, owner: &Principal) -> bool;
}

/// Frees nobody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nobody;

impl Exempt for Nobody {
    fn is_exempt(&self, _: &Principal) -> bool {
        false
    }
}
