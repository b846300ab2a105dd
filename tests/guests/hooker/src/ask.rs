//! Questions to people, as JSON.

use astrid_sys::astrid::elicit::host::{
    ElicitRequest, ElicitResponse, ElicitType, ErrorCode, elicit, has_secret,
};
use serde_json::{Value, json};

/// Asks what `question` says: `kind`, `key`, and if it has them `description`, `options` and `default`.
pub fn ask(question: &Value) -> Value {
    let text = |name: &str| question[name].as_str().map(str::to_owned);
    let kind = match question["kind"].as_str() {
        Some("secret") => ElicitType::Secret,
        Some("select") => ElicitType::Select,
        Some("array") => ElicitType::Array,
        _ => ElicitType::Text,
    };
    let options = question["options"].as_array();
    let request = ElicitRequest {
        kind,
        key: text("key").unwrap_or_default(),
        description: text("description").unwrap_or_default(),
        options: options.map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        default_value: text("default"),
    };
    match elicit(&request) {
        Ok(ElicitResponse::Value(value)) => json!({ "value": value }),
        Ok(ElicitResponse::Values(values)) => json!({ "values": values }),
        Ok(ElicitResponse::SecretStored) => json!("secret-stored"),
        Err(error) => json!({ "error": name(&error) }),
    }
}

/// Whether there is a secret of this name.
pub fn has(key: &str) -> Value {
    match has_secret(key) {
        Ok(found) => json!(found),
        Err(error) => json!({ "error": name(&error) }),
    }
}

fn name(error: &ErrorCode) -> String {
    match error {
        ErrorCode::NotInLifecycle => "not-in-lifecycle",
        ErrorCode::Timeout => "timeout",
        ErrorCode::Cancelled => "cancelled",
        ErrorCode::InvalidInput => "invalid-input",
        ErrorCode::StoreUnavailable => "store-unavailable",
        ErrorCode::Unknown(why) => why,
    }
    .to_owned()
}
