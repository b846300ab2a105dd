//! Whom a call serves: the glue between `astrid-principals` and the runtime.

mod api;
mod contexts;
mod dispatching;
mod held;
mod keys;
mod overlay;
mod restrictions;
mod serve;

use std::sync::Weak;
use std::time::Duration;

use astrid_host_context::Principal;
use astrid_host_net::Connections;
use astrid_principals::{Principals, Quotas};

use crate::{CapsuleError, Config, Home};
pub(crate) use contexts::Contexts;
pub(crate) use dispatching::{ByProfile, Queues};
pub(crate) use held::Held;
pub(crate) use keys::ProfileKeys;
pub(crate) use overlay::FileOverlay;
pub(crate) use restrictions::ProfileRestrictions;
pub(crate) use serve::{Served, disabled};

/// Opens what the home knows of principals, with the largest memory any of them may have.
pub(crate) fn open(
    home: &Home,
    owner: &Principal,
    config: &Config,
) -> Result<(Principals, u64), CapsuleError> {
    let failed = |error| CapsuleError::host(format!("profiles in {}: {error}", home.etc().display()));
    let principals =
        Principals::open(home.root(), owner, quotas(config), config.fuel_per_invocation).map_err(failed)?;
    let largest = principals.largest_memory();
    Ok((principals, largest))
}

/// How often the profiles of whoever has something under way are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// Ends calls of principals that an operator disabled by editing a file, and connections proven with a key
/// that was taken out, until the runtime is gone.
pub(crate) async fn sweep(keys: Weak<ProfileKeys>, connections: Connections) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(keys) = keys.upgrade() else { return };
        keys.0.sweep().await;
        keys.enforce_all(&connections).await;
    }
}

/// The quotas of a principal whose profile says nothing.
fn quotas(config: &Config) -> Quotas {
    let whole = config.invocation_timeout.as_millis().div_ceil(1000).max(1);
    Quotas {
        max_memory_bytes: config.max_memory_bytes,
        max_timeout_secs: u64::try_from(whole).unwrap_or(u64::MAX),
        max_cpu_fuel_per_sec: config.fuel_per_second.max(1),
        max_in_flight_calls: u64::try_from(config.max_in_flight_calls.max(1)).unwrap_or(u64::MAX),
        ..Quotas::default()
    }
}
