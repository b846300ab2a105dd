//! The policy that decides nothing.

use astrid_host_context::{CapsuleSecurityGate, Denial, Request};

/// Allows everything. It lives in this crate because nothing that ships may depend on it, which
/// `cargo xtask tidy` checks.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

impl CapsuleSecurityGate for AllowAll {
    fn check(&self, _: &Request<'_>) -> Result<(), Denial> {
        Ok(())
    }
}
