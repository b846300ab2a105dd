//! Whose keys prove whom: profiles as the handshake of local clients asks for them.

use std::sync::Arc;

use astrid_host_context::Principal;
use astrid_host_net::{AuthProfile, Connections, DeviceKey, Keyring, ProfileFuture};
use astrid_principals::{Principals, SharedProfile};

/// The keys of `[auth]` in the profiles.
pub(crate) struct ProfileKeys(pub(crate) Arc<Principals>);

impl Keyring for ProfileKeys {
    /// The file is looked at anew: a key that was just taken out proves nobody.
    fn profile<'a>(&'a self, principal: &'a Principal) -> ProfileFuture<'a> {
        Box::pin(async move {
            let found = self.0.resolve_anew(principal).await.ok()?;
            Some(AuthProfile {
                enabled: found.profile.enabled,
                keypair: found.profile.auth.keypair,
                keys: found.profile.auth.keys.clone(),
            })
        })
    }
}

impl ProfileKeys {
    /// Closes the connections of clients that proved to be `who` with a key that the profile does not
    /// list any more.
    pub(crate) async fn enforce(&self, connections: &Connections, who: &Principal) {
        let found = self.0.resolve_anew(who).await.ok().map(|found| found.profile);
        let ids = found.filter(may_prove).map(|profile| ids(&profile)).unwrap_or_default();
        let closed = connections.close(|facts| {
            let peer = facts.identity.as_ref().filter(|peer| peer.principal == *who);
            peer.is_some_and(|peer| !ids.contains(&peer.device_key))
        });
        if closed > 0 {
            tracing::info!(target: "astrid.security", principal = who.as_str(), closed, "connections proven with a key that is not registered any more were closed");
        }
    }

    /// The same for everybody who is connected.
    pub(crate) async fn enforce_all(&self, connections: &Connections) {
        for who in connections.proven() {
            self.enforce(connections, &who).await;
        }
    }
}

fn may_prove(profile: &SharedProfile) -> bool {
    profile.enabled && profile.auth.keypair
}

fn ids(profile: &SharedProfile) -> Vec<Arc<str>> {
    profile.auth.keys.iter().filter_map(|key| Some(DeviceKey::parse(key)?.id())).collect()
}
