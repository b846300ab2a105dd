//! Putting a request to a local address to whoever made the capsule send it, over the bus.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use astrid_event_bus::Bus;
use astrid_host_approval::{Limits, Places, Reply};
use astrid_host_context::{CapsuleId, Principal, Uuid};
use astrid_host_http::{Consent, Consenting, Wish};
use parking_lot::Mutex;

use crate::approval::wire::{self, REPLIES, TOPIC};
use crate::asked::{Asked, Asking, Party};

/// Grants of one principal that last beyond a request.
const REMEMBERED: usize = 256;

type Asker = (Principal, CapsuleId);

/// Capsule and endpoint.
type Granted = HashSet<(CapsuleId, String)>;

/// What was granted for as long as a principal is connected. A clone is the same grants.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grants(Arc<Mutex<HashMap<Principal, Granted>>>);

impl Grants {
    /// A principal's last connection is gone.
    pub(crate) fn forget(&self, who: &Principal) {
        self.0.lock().remove(who);
    }

    fn holds(&self, (who, capsule): &Asker, endpoint: &str) -> bool {
        let grants = self.0.lock();
        grants.get(who).is_some_and(|held| held.contains(&(capsule.clone(), endpoint.to_owned())))
    }

    fn add(&self, (who, capsule): &Asker, endpoint: &str) {
        let mut grants = self.0.lock();
        let held = grants.entry(who.clone()).or_default();
        if held.len() < REMEMBERED {
            held.insert((capsule.clone(), endpoint.to_owned()));
        }
    }
}

/// Asks on `astrid.v1.approval`, as the approval chapter has it in §2.4 to §2.7, in the same places as capsules
/// that ask themselves.
pub(crate) struct AskOnBus {
    bus: Bus,
    grants: Grants,
    places: Arc<Places>,
}

impl AskOnBus {
    pub(crate) fn new(bus: Bus, grants: Grants, places: Arc<Places>) -> Self {
        Self { bus, grants, places }
    }

    async fn decide(&self, wish: Wish<'_>) -> bool {
        let call = wish.call;
        let owner = call.caller().and_then(|caller| caller.provenance.request_owner);
        let (Some(who), Some(owner)) = (call.principal(), owner) else { return false };
        let asker = (who.clone(), call.capsule().clone());
        let endpoint = format!("{}:{}", wish.host, wish.port);
        if self.grants.holds(&asker, &endpoint) {
            return true;
        }
        let _place = match self.places.take(who, &asker.1, Limits::default()) {
            Ok(place) => place,
            Err(refused) => {
                tracing::warn!(target: "astrid.security", capsule = %asker.1, %refused, "too many pending approvals");
                return false;
            }
        };
        let id: Uuid = uuid::Uuid::new_v4().into();
        let reason = format!("Capsule '{}' wants to reach a local address", asker.1);
        let question =
            wire::Question { id, owner, action: "http request", resource: &endpoint, reason: &reason };
        let party = Party { who: who.clone(), owner, asker: call.capsule_uuid(), turn_of: None };
        let asking = Asking { topic: TOPIC, replies: REPLIES, id, body: question.json(), most: 32 };
        let Ok(mut asked) = Asked::publish(&self.bus, party, asking) else { return false };
        let answered = asked.answer(
            |reply| wire::reply(id, reply.payload().bytes()),
            |sender, why| {
                tracing::warn!(
                    target: "astrid.security",
                    request = %id,
                    source = %sender.source,
                    "an answer to a prompt does not count: {why}"
                );
            },
        );
        match answered.await {
            None | Some(Reply::Deny) => return false,
            Some(Reply::Once) => return true,
            Some(Reply::Session) => {}
            Some(Reply::Always) => tracing::warn!(
                capsule = %asker.1,
                "consent to {endpoint} lasts while its principal is connected; \
                 [security.capsule_local_egress] makes it last"
            ),
        }
        self.grants.add(&asker, &endpoint);
        true
    }
}

impl Consent for AskOnBus {
    fn ask<'a>(&'a self, wish: Wish<'a>) -> Consenting<'a> {
        Box::pin(self.decide(wish))
    }
}

#[cfg(test)]
mod tests;
