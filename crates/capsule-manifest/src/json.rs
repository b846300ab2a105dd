//! Free-form TOML as JSON.

use serde_json::{Map, Number, Value};

use crate::tree::{Data, Node};

/// The value as JSON. A date becomes its text; a number that is not finite has no JSON form and becomes null.
fn value(node: &Node) -> Value {
    match &node.data {
        Data::Text(text) | Data::Datetime(text) => Value::String(text.clone()),
        Data::Integer(number) => Value::from(*number),
        Data::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Data::Bool(flag) => Value::Bool(*flag),
        Data::Array(elements) => Value::Array(elements.iter().map(value).collect()),
        Data::Table(_) => Value::Object(object(node)),
    }
}

/// A table as a JSON object; empty for anything else.
pub(crate) fn object(node: &Node) -> Map<String, Value> {
    match &node.data {
        Data::Table(entries) => entries
            .iter()
            .map(|(name, entry)| (name.clone(), value(&entry.node)))
            .collect(),
        _ => Map::new(),
    }
}

/// A scalar as the text that environment values have.
pub(crate) fn scalar_text(node: &Node) -> Option<String> {
    match &node.data {
        Data::Text(text) => Some(text.clone()),
        Data::Integer(number) => Some(number.to_string()),
        Data::Float(number) => Number::from_f64(*number).map(|number| number.to_string()),
        Data::Bool(flag) => Some(flag.to_string()),
        Data::Datetime(_) | Data::Array(_) | Data::Table(_) => None,
    }
}
