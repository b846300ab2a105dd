//! Putting a request to a local address to whoever made the capsule send it, over the bus.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use astrid_event_bus::{Bus, Message};
use astrid_host_context::{CapsuleId, Principal, Uuid};
use astrid_host_http::{Consent, Consenting, Wish};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::asked::{Asked, Asking, Heard, Party};

const TOPIC: &str = "astrid.v1.approval";
const REPLIES: &str = "astrid.v1.approval.response";

/// Prompts that wait for an answer, per capsule, per principal, in all (approval chapter §2.6).
const PENDING: [usize; 3] = [4, 16, 64];
/// Prompts begun in a minute, per capsule and principal.
const PER_MINUTE: usize = 30;
const MINUTE: Duration = Duration::from_secs(60);
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

/// Asks on `astrid.v1.approval`, as the approval chapter has it in §2.4 to §2.7.
pub(crate) struct AskOnBus {
    bus: Bus,
    grants: Grants,
    waiting: Arc<Mutex<Vec<Asker>>>,
    begun: Mutex<HashMap<Asker, VecDeque<Instant>>>,
}

impl AskOnBus {
    pub(crate) fn new(bus: Bus, grants: Grants) -> Self {
        Self { bus, grants, waiting: Arc::default(), begun: Mutex::default() }
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
        let Some(_place) = self.place(&asker) else {
            tracing::warn!(target: "astrid.security", capsule = %asker.1, "too many pending approvals");
            return false;
        };
        let id: Uuid = uuid::Uuid::new_v4().into();
        let question = json!({
            "type": "approval_required",
            "request_id": id.to_string(),
            "request_owner": owner.to_string(),
            "action": "http request",
            "resource": endpoint,
            "reason": format!("Capsule '{}' wants to reach a local address", asker.1),
        });
        let party = Party { who: who.clone(), owner, asker: call.capsule_uuid(), turn_of: None };
        let asking = Asking { topic: TOPIC, replies: REPLIES, id, body: question.to_string(), most: 32 };
        let Ok(mut asked) = Asked::publish(&self.bus, party, asking) else { return false };
        loop {
            match asked.next(|reply| Decision::of(reply, id)).await {
                Heard::Lost | Heard::Over => return false,
                Heard::Rejected(reply, _) => tracing::warn!(
                    target: "astrid.security",
                    request = %id,
                    source = %reply.source(),
                    "an answer to a prompt does not count"
                ),
                Heard::Answer(Decision::Deny) => return false,
                Heard::Answer(Decision::Once) => return true,
                Heard::Answer(Decision::Kept { durable }) => {
                    if durable {
                        tracing::warn!(
                            capsule = %asker.1,
                            "consent to {endpoint} lasts while its principal is connected; \
                             [security.capsule_local_egress] makes it last"
                        );
                    }
                    self.grants.add(&asker, &endpoint);
                    return true;
                }
            }
        }
    }

    /// A prompt's place among those that wait, given back when dropped.
    fn place(&self, asker: &Asker) -> Option<Place> {
        let mut waiting = self.waiting.lock();
        let of = |same: &dyn Fn(&Asker) -> bool| waiting.iter().filter(|other| same(other)).count();
        let held = [of(&|other| other.1 == asker.1), of(&|other| other.0 == asker.0), waiting.len()];
        let mut begun = self.begun.lock();
        begun.retain(|_, at| at.back().is_some_and(|last| last.elapsed() < MINUTE));
        let recent = begun.entry(asker.clone()).or_default();
        while recent.front().is_some_and(|first| first.elapsed() >= MINUTE) {
            recent.pop_front();
        }
        if held.iter().zip(PENDING).any(|(held, most)| *held >= most) || recent.len() >= PER_MINUTE {
            return None;
        }
        recent.push_back(Instant::now());
        waiting.push(asker.clone());
        Some(Place { waiting: self.waiting.clone(), asker: asker.clone() })
    }
}

impl Consent for AskOnBus {
    fn ask<'a>(&'a self, wish: Wish<'a>) -> Consenting<'a> {
        Box::pin(self.decide(wish))
    }
}

struct Place {
    waiting: Arc<Mutex<Vec<Asker>>>,
    asker: Asker,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock();
        if let Some(at) = waiting.iter().position(|asker| *asker == self.asker) {
            waiting.swap_remove(at);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Deny,
    Once,
    /// For longer than one request; `durable` was asked for.
    Kept {
        durable: bool,
    },
}

impl Decision {
    /// What a reply says; `None` if it is about another prompt, or no reply at all.
    fn of(reply: &Message, id: Uuid) -> Option<Self> {
        let body: Value = serde_json::from_slice(reply.payload().bytes()).ok()?;
        let said = |key: &str| body.get(key).and_then(Value::as_str);
        let about = said("type") == Some("approval_response") && said("request_id") == Some(&*id.to_string());
        about.then(|| match said("decision") {
            Some("approve") => Self::Once,
            Some("approve_session") => Self::Kept { durable: false },
            Some("approve_always") => Self::Kept { durable: true },
            _ => Self::Deny,
        })
    }
}

#[cfg(test)]
mod tests;
