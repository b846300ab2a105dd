//! Messages, one line each.

use astrid_capsule::Runtime;
use astrid_event_bus::Message;
use astrid_host_context::Attribution;
use serde_json::{Value, json};

use super::print::value;

/// Answers to questions, which may be secrets: no terminal shows them, and no log that one is sent to has them.
const ANSWERS: &str = "astrid.v1.elicit.response";

/// A message as `{"topic","payload","source","capsule","principal"}`.
pub(crate) fn json(message: &Message, runtime: &Runtime) -> Value {
    let capsule = runtime.capsules().into_iter().find(|c| c.source_uuid() == message.source());
    let principal = match &message.provenance().attribution {
        Attribution::Verified(principal) | Attribution::Claimed(principal) => Some(principal.as_str()),
        Attribution::System => None,
    };
    let payload = match message.topic().is_within(ANSWERS) {
        true => json!("[redacted]"),
        false => value(message.payload().as_str()),
    };
    json!({
        "topic": message.topic().as_str(),
        "payload": payload,
        "source": message.source().to_string(),
        "capsule": capsule.as_ref().map(|capsule| capsule.id()),
        "principal": principal,
    })
}

/// A line for it: the JSON, or topic and payload alone.
pub(crate) fn line(message: &Value, as_json: bool) -> String {
    if as_json {
        return format!("{message}\n");
    }
    // What came over a socket may lack them, and then prints as nothing.
    let topic = message.get("topic").and_then(Value::as_str).unwrap_or_default();
    let payload = message.get("payload").unwrap_or(&Value::Null);
    format!("{topic} {payload}\n")
}
