//! What the host gives an uplink to say outside, so that its echo is known when it comes back.

use std::sync::Arc;

use astrid_event_bus::{AccessPattern, Charset, Message, Topic};
use astrid_host_ipc::Deliveries;
use astrid_host_uplink::Uplinks;
use serde::Deserialize;

use crate::Capsule;

/// Where agents answer.
const RESPONSE: &str = "agent.v1.response";
/// What their answers say they are.
const RESPONSE_TYPE: &str = "agent_response";

/// As far as an echo is recognised by it.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "type", default)]
    kind: String,
    text: String,
    session_id: String,
}

impl Answer {
    fn read(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }
}

/// The answers that an uplink's store receives from its subscriptions.
pub(crate) struct Answers(pub(crate) Arc<Uplinks>);

impl Deliveries for Answers {
    fn delivered(&self, message: &Message) {
        if message.topic().as_str() == RESPONSE
            && let Some(answer) = Answer::read(message.payload().bytes())
        {
            self.0.note_outbound(&answer.session_id, &answer.text);
        }
    }
}

/// The handlers of an uplink that get answers; empty for other capsules.
pub(crate) fn handlers(capsule: &dyn Capsule) -> Vec<String> {
    let manifest = capsule.manifest();
    let Ok(response) = Topic::host(RESPONSE) else { return Vec::new() };
    let hears = |pattern: &str| {
        AccessPattern::parse(pattern, Charset::Token)
            .is_ok_and(|pattern| pattern.matches_equal_count(&response))
    };
    let bindings =
        manifest.bindings.iter().filter(|one| manifest.capabilities.uplink && hears(one.pattern.as_str()));
    bindings.map(|binding| binding.action.to_string()).collect()
}

/// Notes the answer that a handler is called with, if it is one: a handler may be bound to other topics too.
pub(crate) fn note(capsule: &dyn Capsule, payload: &[u8]) {
    if let Some(answer) = Answer::read(payload).filter(|answer| answer.kind == RESPONSE_TYPE) {
        capsule.note_outbound(&answer.session_id, &answer.text);
    }
}
