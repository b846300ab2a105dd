//! Remembered consent, as the two sides speak of it.

use std::time::SystemTime;

use astrid_capsule::{Allowance, CapsuleError, Runtime};
use jiff::{Timestamp, Unit};

use crate::control::{Granted, Reply};

/// All of it.
pub(super) async fn list(runtime: &Runtime) -> Result<Reply, CapsuleError> {
    let allowances = runtime.allowances().await?.iter().map(shown).collect();
    Ok(Reply::Allowances { allowances })
}

/// Takes back the one of this number.
pub(super) async fn revoke(runtime: &Runtime, id: &str) -> Result<Reply, CapsuleError> {
    // No number is read: what is not among them is not there.
    let all = runtime.allowances().await?;
    let found = match all.iter().find(|allowance| allowance.id.to_string() == id) {
        Some(allowance) => runtime.revoke_allowance(allowance.id).await?,
        None => false,
    };
    Ok(Reply::Revoked { found })
}

fn shown(allowance: &Allowance) -> Granted {
    Granted {
        id: allowance.id.to_string(),
        principal: allowance.holder.principal.to_string(),
        capsule: allowance.holder.capsule.to_string(),
        workspace: allowance.holder.workspace.to_string(),
        pattern: allowance.pattern.to_string(),
        created: time(allowance.created),
        expires: allowance.expires.map(time),
        uses: allowance.uses,
    }
}

fn time(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).and_then(|at| at.round(Unit::Second));
    at.map(|at| at.to_string()).unwrap_or_default()
}
