//! Results and messages, one line each.

use astrid_capsule::HandlerResult;
use astrid_event_bus::Message;
use astrid_host_context::Attribution;
use serde_json::{Value, json};

use super::Call;

/// A message; as JSON `{"topic","payload","source","capsule","principal"}`, else topic and payload.
pub(super) fn message(message: &Message, capsule: Option<&str>, as_json: bool) -> String {
    let topic = message.topic().as_str();
    let payload = value(message.payload().as_str());
    if !as_json {
        return format!("{topic} {payload}\n");
    }
    let principal = match &message.provenance().attribution {
        Attribution::Verified(principal) | Attribution::Claimed(principal) => Some(principal.as_str()),
        Attribution::System => None,
    };
    let source = message.source().to_string();
    let line = json!({ "topic": topic, "payload": payload, "source": source, "capsule": capsule, "principal": principal });
    format!("{line}\n")
}

/// What a handler said; as JSON `{"capsule","action","result","data"}`, else its data or the word alone.
pub(super) fn result(call: &Call, result: &HandlerResult, as_json: bool) -> String {
    let (word, data) = match result {
        HandlerResult::Continue(data) => ("continue", bytes(data)),
        HandlerResult::Final(data) => ("final", bytes(data)),
        HandlerResult::Deny { reason } => ("deny", Some(Value::from(reason.as_str()))),
    };
    if as_json {
        let Call { capsule, action, .. } = call;
        let line = json!({ "capsule": capsule, "action": action, "result": word, "data": data });
        return format!("{line}\n");
    }
    match (result, data) {
        (HandlerResult::Deny { .. }, _) => String::new(),
        (_, Some(data)) => format!("{data}\n"),
        (_, None) => format!("{word}\n"),
    }
}

/// JSON as one line; what is no JSON as a string.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

fn bytes(data: &[u8]) -> Option<Value> {
    (!data.is_empty()).then(|| value(&String::from_utf8_lossy(data)))
}
