//! Configuration keys and values.

use serde_json::Value;

/// Longest key that can be set; a longer one is simply not set.
const MAX_KEY: usize = 256;
/// Keys the host injects for guests although their names are reserved.
const INJECTED: [&str; 1] = ["ASTRID_SOCKET_PATH"];

/// How a configured value reads to a guest: text as it is, other values as compact JSON, null as not set.
#[must_use]
pub fn render(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Keys that belong to the host. A manifest that declares one is loaded, and the declaration ignored.
pub(crate) fn is_reserved(key: &str) -> bool {
    key.starts_with("__")
        || key.starts_with("astrid.internal.")
        || (key.starts_with("ASTRID_") && !is_injected(key))
}

/// Keys whose value only the host gives.
pub(crate) fn is_injected(key: &str) -> bool {
    INJECTED.contains(&key)
}

/// Keys that nothing can be stored under.
pub(crate) fn is_never_set(key: &str) -> bool {
    key.is_empty() || key.len() > MAX_KEY || key.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_text_or_compact_json() {
        for (value, text) in [
            (serde_json::json!("a \"b\""), Some("a \"b\"")),
            (serde_json::json!(""), Some("")),
            (serde_json::json!(3), Some("3")),
            (serde_json::json!(true), Some("true")),
            (serde_json::json!(["a"]), Some("[\"a\"]")),
            (serde_json::json!({"k": 1}), Some("{\"k\":1}")),
            (Value::Null, None),
        ] {
            assert_eq!(render(&value).as_deref(), text);
        }
    }
}
