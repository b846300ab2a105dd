//! What profiles say to the dispatcher: who may invoke what, and how much at once.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Weak};

use astrid_dispatch::{Access, BoxFuture, Dispatcher, Grant, Limits};
use astrid_host_context::{CapsuleId, Principal};
use astrid_principals::{Principals, RevocationHook};
use parking_lot::RwLock;

/// Holding this is being allowed every capsule's tools and commands.
const ANY_CAPSULE: &str = "capsule:access:any";

/// Access and limits as the profiles have them, and the grants of this session.
pub(crate) struct ByProfile {
    principals: Arc<Principals>,
    granted: RwLock<HashSet<(Principal, CapsuleId)>>,
}

impl ByProfile {
    pub(crate) fn new(principals: Arc<Principals>) -> Self {
        Self { principals, granted: RwLock::default() }
    }
}

impl Access for ByProfile {
    fn may_invoke(&self, principal: &Principal, capsule: &CapsuleId) -> bool {
        let Ok(found) = self.principals.profiles.current(principal) else { return false };
        // A principal nobody registered cannot be given anything, so there is nothing to look up.
        found.profile.registered
            && (found.profile.capsules.contains(capsule)
                || found.profile.capabilities.hold(ANY_CAPSULE)
                || self.granted.read().contains(&(principal.clone(), capsule.clone())))
    }

    /// One for good is written into the profile, so that an operator sees it there and can take it back.
    fn grant<'a>(
        &'a self,
        principal: &'a Principal,
        capsule: &'a CapsuleId,
        how_long: Grant,
    ) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            if !self.principals.profiles.current(principal).is_ok_and(|found| found.profile.registered) {
                return false;
            }
            if how_long == Grant::Session {
                self.granted.write().insert((principal.clone(), capsule.clone()));
                return true;
            }
            let written = self.principals.set_access(principal, capsule, true).await;
            written.unwrap_or_else(|error| {
                tracing::error!(
                    target: "astrid.security",
                    "a grant for good was not kept: etc/profiles/{principal}.toml: {error}; to keep it, add \"{capsule}\" to its capsules"
                );
                false
            })
        })
    }
}

impl ByProfile {
    /// Takes a grant back, for good or for the session.
    pub(crate) async fn revoke(&self, principal: &Principal, capsule: &CapsuleId) -> io::Result<()> {
        self.granted.write().remove(&(principal.clone(), capsule.clone()));
        self.principals.set_access(principal, capsule, false).await.map(drop)
    }
}

impl Limits for ByProfile {
    fn max_in_flight(&self, principal: &Principal) -> usize {
        let most = self.principals.profiles.quotas(Some(principal)).max_in_flight_calls;
        usize::try_from(most).unwrap_or(usize::MAX)
    }
}

/// Empties the queues of whoever is revoked.
pub(crate) struct Queues(pub(crate) Weak<Dispatcher>);

impl RevocationHook for Queues {
    fn revoked(&self, who: &Principal) {
        if let Some(dispatcher) = self.0.upgrade() {
            dispatcher.drop_queues_of(who);
        }
    }
}
