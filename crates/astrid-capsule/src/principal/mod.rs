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
pub(crate) use serve::{disabled, open_desk, whom};

/// Opens what the home knows of principals, with the largest memory any of them may have.
pub(crate) fn open(
    home: &Home,
    owner: &Principal,
    config: &Config,
) -> Result<(Principals, u64), CapsuleError> {
    let failed = |error| CapsuleError::host(format!("profiles in {}: {error}", home.etc().display()));
    let principals =
        Principals::open(home.root(), owner, quotas(config), config.fuel_per_invocation).map_err(failed)?;
    principals.quota.operator_limits([
        (&astrid_host_http::limits::STREAMS, config.http_max_concurrent_streams),
        (&astrid_host_http::limits::REQUESTS, config.http_requests_per_sec),
        (&astrid_host_ipc::limits::MESSAGES, config.max_msgs_per_sec),
        (&astrid_host_kv::NAMESPACE_BYTES, config.kv_max_namespace_bytes),
        (&astrid_host_kv::NAMESPACE_KEYS, config.kv_max_namespace_keys),
    ]);
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

#[cfg(test)]
mod tests {
    use astrid_host_context::{CapsuleId, Quota, Subject};
    use astrid_host_http::limits::{REQUESTS, STREAMS};

    use super::*;

    // net §4.8: what a test with a real clock on a busy machine cannot tell
    #[test]
    fn a_key_that_was_taken_out_is_noticed_within_two_seconds() {
        assert!(SWEEP * 2 <= Duration::from_secs(2));
    }

    #[test]
    fn the_operators_limits_of_http_are_those_of_every_principal() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let (owner, alice) = (Principal::parse("default").unwrap(), Principal::parse("alice").unwrap());
        let config = Config { http_max_concurrent_streams: 2, http_requests_per_sec: 7, ..Config::default() };
        let (principals, _) = open(&home, &owner, &config).unwrap();
        let capsule = CapsuleId::parse("c").unwrap();
        for who in [&owner, &alice] {
            let subject = Subject { principal: Some(who), capsule: &capsule };
            assert_eq!(principals.quota.limit(&subject, &REQUESTS), 7);
            let held: Vec<_> =
                (0..2).map(|_| principals.quota.acquire(&subject, &STREAMS, 1).unwrap()).collect();
            assert_eq!(principals.quota.acquire(&subject, &STREAMS, 1).unwrap_err().limit, 2);
            drop(held);
        }
    }
}
