//! What an operator's tools ask of a runtime about remembered consent.

use std::time::SystemTime;

use astrid_host_approval::{Allowance, Holder, Lasting, Pattern};
use astrid_host_context::{CapsuleId, Principal, Uuid};

use crate::{CapsuleError, Runtime};

/// Consent that an operator gives for a principal, in the workspace of the runtime.
#[derive(Debug, Clone)]
pub struct NewAllowance {
    /// Whose: it counts for what this principal does through the capsule.
    pub principal: String,
    /// The capsule that may.
    pub capsule: String,
    /// What, with `*` for any run of characters; see [`Pattern`].
    pub pattern: String,
    /// Until when; `None` is until it is revoked.
    pub expires: Option<SystemTime>,
    /// How often; `None` is without end.
    pub uses: Option<u64>,
}

impl Runtime {
    /// Consent that is remembered for good, of all principals and workspaces, by principal, capsule, workspace and
    /// pattern. What expired or is used up is not in it, nor what is remembered for a session.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn allowances(&self) -> Result<Vec<Allowance>, CapsuleError> {
        let mut all = self.0.approval.store().always_granted().await.map_err(CapsuleError::host)?;
        all.sort_by(|a, b| (&a.holder, a.pattern.as_str()).cmp(&(&b.holder, b.pattern.as_str())));
        Ok(all)
    }

    /// Takes remembered consent back: the next call asks again. False if there is none of this number.
    ///
    /// # Errors
    /// It cannot be read or written. It does not count any more in this process then, and may after the next
    /// start.
    pub async fn revoke_allowance(&self, id: Uuid) -> Result<bool, CapsuleError> {
        let revoked = self.0.approval.store().revoke(id).await.map_err(CapsuleError::host)?;
        if revoked {
            tracing::info!(target: "astrid.security", allowance = %id, "an operator revoked remembered consent");
        }
        Ok(revoked)
    }

    /// Remembers consent that an operator gives, in place of the same consent from before.
    ///
    /// # Errors
    /// A name or the pattern is not valid, the principal has as many as may be, or it cannot be written.
    pub async fn allow(&self, new: NewAllowance) -> Result<Allowance, CapsuleError> {
        let NewAllowance { principal, capsule, pattern, expires, uses } = new;
        let holder = Holder {
            principal: Principal::parse(&principal).map_err(CapsuleError::host)?,
            capsule: CapsuleId::parse(&capsule).map_err(CapsuleError::host)?,
            workspace: self.0.approval.workspace.clone(),
        };
        let pattern = Pattern::parse(&pattern).map_err(CapsuleError::host)?;
        let allowance = Allowance { expires, uses, ..Allowance::new(holder, pattern, Lasting::Always) };
        self.0.approval.store().add(allowance.clone()).await.map_err(CapsuleError::host)?;
        tracing::info!(
            target: "astrid.security",
            allowance = %allowance.id,
            principal,
            capsule,
            pattern = allowance.pattern.as_str(),
            "an operator gave consent"
        );
        Ok(allowance)
    }
}
