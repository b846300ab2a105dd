//! The identity store as uplinks need it.

use std::sync::Arc;

use astrid_host_identity::{Account, Identities};
use astrid_host_uplink::{Linked, Links, LinksUnavailable, Lookup, Platform, PlatformUser};

pub(crate) struct StoredLinks(pub(crate) Arc<Identities>);

impl Links for StoredLinks {
    fn linked<'a>(&'a self, platform: &'a Platform, user: &'a PlatformUser) -> Lookup<'a> {
        Box::pin(async move {
            let account = Account { platform: platform.clone(), user: user.clone() };
            let found = self.0.find(&account).await.map_err(|error| LinksUnavailable(error.to_string()))?;
            Ok(found.map(|found| Linked {
                principal: found.user.principal.clone(),
                made_by: found.link.made_by.capsule.clone(),
            }))
        })
    }
}
