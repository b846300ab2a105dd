//! Grants that are missing: asked for once a minute, answered by the principal's own front end.

use std::collections::HashMap;

use astrid_event_bus::{Bus, Draft, Message, Payload, Topic};
use astrid_host_context::{Attribution, CapsuleId, Principal, Provenance, Transport, Uuid};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::access::Grant;
use crate::core::Core;
use crate::limits::ASK_EVERY;

/// Where prompts go; replies come below `.response.`.
const PROMPTS: &str = "astrid.v1.approval";
/// All replies to prompts, for the host's own observer.
pub(crate) const REPLIES: &str = "astrid.v1.approval.response.*";
/// Prompts remembered at once. More names than this in a minute are not asked about.
const MAX_ASKED: usize = 4_096;

/// The prompts of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Prompts {
    asked: HashMap<(Principal, CapsuleId), Asked>,
}

#[derive(Debug)]
struct Asked {
    at: Instant,
    /// `None` once it was answered.
    request: Option<(String, Provenance)>,
}

impl Prompts {
    /// Asks for what `message` lacked, unless that was asked lately.
    pub(crate) fn ask(&mut self, bus: &Bus, message: &Message, capsule: &CapsuleId) {
        let Some(who) = message.authority().filter(|who| !who.is_anonymous()) else { return };
        let now = Instant::now();
        let key = (who.clone(), capsule.clone());
        let recent = |asked: &Asked| now.saturating_duration_since(asked.at) < ASK_EVERY;
        if self.asked.get(&key).is_some_and(recent) {
            return;
        }
        if self.asked.len() >= MAX_ASKED {
            self.asked.retain(|_, asked| recent(asked));
            if self.asked.len() >= MAX_ASKED {
                return;
            }
        }
        let id = uuid::Uuid::new_v4().to_string();
        // The prompt speaks for the principal whose grant is missing, to the connection that asked.
        let provenance =
            Provenance { attribution: Attribution::Verified(who.clone()), ..message.provenance().clone() };
        let owner = provenance.request_owner.map(|owner| owner.to_string());
        say(
            bus,
            &provenance,
            &json!({
                "type": "grant_required",
                "request_id": id,
                "request_owner": owner,
                "principal": who.as_str(),
                "capsule_id": capsule.as_str(),
            }),
        );
        self.asked.insert(key, Asked { at: now, request: Some((id, provenance)) });
    }

    /// Takes a reply, if it is one to a prompt that is open, and tells what came of it.
    pub(crate) fn reply(&mut self, core: &Core, bus: &Bus, source: Option<&CapsuleId>, reply: &Message) {
        let topic = reply.topic().as_str();
        let Some(id) = topic.strip_prefix(PROMPTS).and_then(|rest| rest.strip_prefix(".response.")) else {
            return;
        };
        let now = Instant::now();
        let open = self.asked.iter_mut().find(|(_, asked)| {
            let mine = asked.request.as_ref().is_some_and(|(request, _)| request == id);
            mine && now.saturating_duration_since(asked.at) < ASK_EVERY
        });
        let Some(((who, capsule), asked)) = open else { return };
        let Some(decision) = decision(reply, id) else { return };
        let owner = asked.request.as_ref().and_then(|(_, provenance)| provenance.request_owner);
        let turn_of = owner.and_then(|owner| core.turns.capsule(owner));
        // Nobody grants for somebody else, from another connection, or to itself.
        if source == Some(capsule) || !may_answer(reply, who, owner, turn_of) {
            tracing::warn!(
                target: "astrid.security",
                request = id,
                capsule = %capsule,
                source = %reply.source(),
                "a reply to a grant prompt came from somebody who may not give it"
            );
            return;
        }
        let Some((id, provenance)) = asked.request.take() else { return };
        let how_long = match decision.as_str() {
            "approve" | "approve_session" => Some(Grant::Session),
            "approve_always" => Some(Grant::Always),
            _ => None,
        };
        let (access, bus, who, capsule) = (core.access.clone(), bus.clone(), who.clone(), capsule.clone());
        // Keeping a grant may wait for a disk; receipts and other prompts do not wait for that.
        core.spawn(async move {
            let granted = match how_long {
                Some(how_long) => access.grant(&who, &capsule, how_long).await,
                None => false,
            };
            let result = json!({
                "type": "grant_result",
                "request_id": id,
                "principal": who.as_str(),
                "capsule_id": capsule.as_str(),
                "granted": granted,
            });
            say(&bus, &provenance, &result);
        });
    }
}

/// Whether an answer to a prompt speaks for `who`, whose prompt belongs to the connection `owner` (approval
/// chapter §2.5, which holds for prompts of every kind). `turn_of` is [`crate::Dispatcher::turn_of`] that owner.
#[must_use]
pub fn may_answer(reply: &Message, who: &Principal, owner: Option<Uuid>, turn_of: Option<Uuid>) -> bool {
    let provenance = reply.provenance();
    match &provenance.attribution {
        Attribution::Verified(by) if by == who => {
            // The turn itself has no connection, and a proven identity outranks a claimed one.
            let proven = provenance.device_key.is_some() && provenance.transport != Transport::System;
            provenance.request_owner == owner || (turn_of.is_some() && proven)
        }
        // Under an operator's delegation alone does a claim carry authority.
        Attribution::Claimed(by) if by == who && reply.authority() == Some(who) => match turn_of {
            Some(capsule) => capsule == reply.source(),
            None => owner.is_some() && provenance.request_owner == owner,
        },
        _ => false,
    }
}

fn decision(reply: &Message, id: &str) -> Option<String> {
    let json: Value = serde_json::from_slice(reply.payload().bytes()).ok()?;
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let ours = text("type") == Some("approval_response") && text("request_id") == Some(id);
    ours.then(|| text("decision").unwrap_or_default().to_owned())
}

fn say(bus: &Bus, provenance: &Provenance, body: &Value) {
    if let (Ok(topic), Ok(payload)) = (Topic::host(PROMPTS), Payload::parse(body.to_string())) {
        bus.announce(Draft::new(topic, payload, provenance.clone()));
    }
}
