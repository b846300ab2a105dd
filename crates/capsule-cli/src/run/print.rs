//! Results, one line each.

use astrid_capsule::HandlerResult;
use serde_json::{Value, json};

use super::Call;

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
pub(super) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

fn bytes(data: &[u8]) -> Option<Value> {
    (!data.is_empty()).then(|| value(&String::from_utf8_lossy(data)))
}
