//! Two gates as one.

use astrid_host_context::{CapsuleSecurityGate, Denial, Request};

/// Allows what both allow. The first is asked first; where it refuses, the second is not asked. Chains
/// of more nest: `Both(a, Both(b, c))`.
#[derive(Debug, Clone, Copy)]
pub struct Both<A, B>(pub A, pub B);

impl<A: CapsuleSecurityGate, B: CapsuleSecurityGate> CapsuleSecurityGate for Both<A, B> {
    fn check(&self, request: &Request<'_>) -> Result<(), Denial> {
        self.0.check(request)?;
        self.1.check(request)
    }
}
