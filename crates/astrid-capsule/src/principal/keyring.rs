//! Whose keys local clients prove themselves with.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use astrid_host_context::Principal;
use astrid_host_net::{AuthProfile, Connections, DeviceKey, Keyring, ProfileFuture};
use astrid_principals::Principals;

/// The method of a profile's `[auth]` that lets keys count.
const KEYPAIR: &str = "keypair";

/// How often the keys of open connections are looked at: a key that was taken out of a profile, which
/// itself is at most a second old, ends its connections within two (request-context chapter §3).
const SWEEP: Duration = Duration::from_millis(500);

/// Profiles as a keyring.
pub(crate) struct ProfileKeys(pub(crate) Arc<Principals>);

impl Keyring for ProfileKeys {
    fn profile<'a>(&'a self, principal: &'a Principal) -> ProfileFuture<'a> {
        Box::pin(of(&self.0, principal))
    }
}

async fn of(principals: &Principals, who: &Principal) -> Option<AuthProfile> {
    let profile = principals.resolve(who).await.ok()?.profile;
    profile.registered.then(|| AuthProfile {
        enabled: profile.enabled,
        keypair: profile.auth.methods.iter().any(|method| method == KEYPAIR),
        keys: profile.auth.public_keys.clone(),
    })
}

/// Closes connections whose key their principal's profile no longer lists, until the runtime is gone.
pub(crate) async fn follow_keys(principals: Weak<Principals>, connections: Connections) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(principals) = principals.upgrade() else { return };
        let proven: BTreeSet<_> = connections.peers().iter().map(|peer| peer.principal.clone()).collect();
        for who in proven {
            let profile = of(&principals, &who).await.filter(|profile| profile.keypair).unwrap_or_default();
            let keys = profile.keys.iter().filter_map(|key| DeviceKey::parse(key));
            let keys: Vec<_> = keys.map(|key| key.id()).collect();
            connections.close(|facts| {
                facts.identity.as_ref().is_some_and(|p| p.principal == who && !keys.contains(&p.device_key))
            });
        }
    }
}
