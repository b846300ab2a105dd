//! The ways out of the host that capsules share.

use std::path::Path;
use std::sync::Arc;

use astrid_airlock::{Airlock, OwnAddresses};
use astrid_event_bus::Bus;
use astrid_host_http::{Consent, HttpClient, NoConsent};

use crate::approval::Consents;
use crate::local_consent::AskOnBus;
use crate::{CapsuleError, Config};

/// Where a workspace would keep a configuration of its own.
const IN_WORKSPACE: &str = ".astrid/config.toml";

/// The one judge of addresses, for http and sockets alike.
pub(super) fn airlock(config: &Config) -> Arc<Airlock> {
    let own = match config.block_own_addresses {
        true => OwnAddresses::of_this_machine(),
        false => OwnAddresses::fixed([]),
    };
    let airlock = Airlock::builder().rules(config.local_egress.clone()).own_addresses(own);
    Arc::new(airlock.nat64_prefixes(config.nat64_prefixes.clone()).build())
}

/// The one HTTP client, whose connections all capsules share.
pub(super) fn http_client(airlock: &Arc<Airlock>, config: &Config) -> Result<Arc<HttpClient>, CapsuleError> {
    let client = HttpClient::builder(airlock.clone()).settings(config.http.clone());
    let with_roots = config.http_extra_ca.iter().fold(client, |client, pem| client.extra_ca(pem.clone()));
    with_roots.build().map_err(CapsuleError::host)
}

/// Who is asked about local addresses that nothing admits.
pub(super) fn consent(config: &Config, bus: &Bus, consents: &Consents) -> Arc<dyn Consent> {
    match config.http_asks_about_local {
        true => {
            let (local, places) = (consents.local.clone(), consents.places.clone());
            Arc::new(AskOnBus::new(bus.clone(), local, places))
        }
        false => Arc::new(NoConsent),
    }
}

/// Says that what a workspace wants to admit is not admitted, since it may have come with somebody
/// else's code. True if there was something to say. Blocks for the disk.
pub(super) fn warn_of_workspace(workspace: &Path) -> bool {
    let file = workspace.join(IN_WORKSPACE);
    let wants = std::fs::read_to_string(&file).is_ok_and(|text| text.contains("capsule_local_egress"));
    if wants {
        tracing::warn!(
            file = %file.display(),
            "capsule_local_egress of a workspace is ignored; etc/config.toml of the home may set it"
        );
    }
    wants
}

#[cfg(test)]
mod tests {
    use super::*;

    // net case 9
    #[test]
    fn what_a_workspace_wants_to_admit_is_warned_of() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!warn_of_workspace(dir.path()));
        std::fs::create_dir(dir.path().join(".astrid")).unwrap();
        let file = dir.path().join(IN_WORKSPACE);
        std::fs::write(&file, "[http]\nmax_redirects = 1\n").unwrap();
        assert!(!warn_of_workspace(dir.path()));
        std::fs::write(&file, "[security.capsule_local_egress]\nx = [\"127.0.0.1:*\"]\n").unwrap();
        assert!(warn_of_workspace(dir.path()));
    }
}
