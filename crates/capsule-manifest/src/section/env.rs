//! `[env]`: what the installer asks for and the capsule reads as configuration.

use indexmap::IndexMap;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::json::scalar_text;
use crate::schema::ENV_TYPES;
use crate::section::env_options::{self, OptionsFrom};
use crate::sink::{Faulted, Sink, key_of};
use crate::text::{clip, is_name, quote};
use crate::tree::Data;

/// Longest key in bytes.
pub const MAX_ENV_KEY_BYTES: usize = 64;

/// Keys the host answers itself.
const HOST_KEYS: [&str; 2] = ["ASTRID_SOCKET_PATH", "prev_version"];

/// What kind of value a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EnvKind {
    /// One line of text.
    Text,
    /// A secret, kept in the secret store and never in the configuration.
    Secret,
    /// One of several options.
    Select,
    /// A list of texts.
    Array,
}

/// What a numeric text should look like. A hint for the form; stored values are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumericHint {
    /// Whole numbers.
    Integer,
    /// Any number.
    Number,
}

/// The value of a key that has none stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvDefault {
    /// For text and select; numbers and booleans of the file as their text.
    Text(String),
    /// For arrays.
    List(Vec<String>),
}

impl EnvDefault {
    /// The text, if this is not a list.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::List(_) => None,
        }
    }
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnvDef {
    /// The kind of value.
    pub kind: EnvKind,
    /// Set when the text should be a number.
    pub numeric: Option<NumericHint>,
    /// The question.
    pub request: Option<String>,
    /// A longer explanation.
    pub description: Option<String>,
    /// The value when none is stored; never on a secret.
    pub default: Option<EnvDefault>,
    /// The options of a select.
    pub enum_values: Vec<String>,
    /// An example to show in an empty field.
    pub placeholder: Option<String>,
    /// Where the installer can fetch options.
    pub options_from: Option<OptionsFrom>,
}

/// Reads every key in declaration order, then checks how they refer to each other.
pub(crate) fn read(root: &Cursor<'_>, sink: &mut Sink<'_>) -> IndexMap<String, EnvDef> {
    let mut env = IndexMap::new();
    for (name, entry) in root.get("env").iter().flat_map(Cursor::entries) {
        if check_key(name, &entry, sink).is_err() {
            continue;
        }
        if name.starts_with("__") || name.starts_with("ASTRID_") {
            let message = format!(
                "env key {} is ignored: such names are kept for the host",
                quote(name)
            );
            sink.warn(key_of(&entry), Code::ReservedEnv, message);
            continue;
        }
        if let Ok(def) = read_one(&entry, sink) {
            env.insert(name.to_owned(), def);
        }
    }
    env_options::check_references(root, &env, sink);
    env
}

fn check_key(name: &str, entry: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<(), Faulted> {
    if HOST_KEYS.contains(&name) {
        let problem = format!("{} is set by the host", quote(name));
        return Err(sink.fault(key_of(entry), Code::ReservedEnv, problem, "any other name"));
    }
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if is_name(name, MAX_ENV_KEY_BYTES, first, rest) {
        return Ok(());
    }
    let problem = format!("{} is no env key", quote(name));
    Err(sink.fault(
        key_of(entry),
        Code::BadEnvKey,
        problem,
        "1 to 64 letters, digits, \"_\", not starting with a digit",
    ))
}

fn read_one(entry: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<EnvDef, Faulted> {
    let spelling = entry.text_at("type").unwrap_or("text");
    let (kind, numeric) = match spelling {
        "text" | "string" => (EnvKind::Text, None),
        "integer" => (EnvKind::Text, Some(NumericHint::Integer)),
        "number" => (EnvKind::Text, Some(NumericHint::Number)),
        "secret" | "password" => (EnvKind::Secret, None),
        "select" | "enum" | "boolean" => (EnvKind::Select, None),
        "array" => (EnvKind::Array, None),
        other => {
            let problem = format!("{} is no env type", quote(other));
            return Err(sink.fault(
                &entry.field("type"),
                Code::BadEnum,
                problem,
                ENV_TYPES.join(", "),
            ));
        }
    };
    let mut enum_values = entry.strings_at("enum_values");
    if spelling == "boolean" && enum_values.is_empty() {
        enum_values = vec!["true".to_owned(), "false".to_owned()];
    }
    let options_from = env_options::read(entry, sink);
    let default = entry
        .get("default")
        .map(|found| read_default(&found, kind, sink))
        .transpose();
    let (options_from, default) = (options_from?, default?);
    if let (EnvKind::Select, Some(EnvDefault::Text(value)), None) = (kind, &default, &options_from)
        && !enum_values.is_empty()
        && !enum_values.contains(value)
    {
        let problem = format!("{} is none of the options", quote(value));
        let allowed = enum_values
            .iter()
            .take(16)
            .map(|option| clip(option))
            .collect::<Vec<_>>();
        return Err(sink.fault(
            &entry.field("default"),
            Code::BadEnum,
            problem,
            allowed.join(", "),
        ));
    }
    Ok(EnvDef {
        kind,
        numeric,
        request: entry.string_at("request"),
        description: entry.string_at("description"),
        default,
        enum_values,
        placeholder: entry.string_at("placeholder"),
        options_from,
    })
}

fn read_default(
    found: &Cursor<'_>,
    kind: EnvKind,
    sink: &mut Sink<'_>,
) -> Result<EnvDefault, Faulted> {
    match (kind, &found.node.data) {
        (EnvKind::Secret, _) => Err(sink.fault(
            found,
            Code::SecretDefault,
            "a secret has no default: everybody could read it",
            "no default",
        )),
        (EnvKind::Array, Data::Array(_)) => Ok(EnvDefault::List(
            found
                .elements()
                .iter()
                .filter_map(|one| one.text().map(str::to_owned))
                .collect(),
        )),
        (EnvKind::Array, _) => Ok(EnvDefault::List(
            scalar_text(found.node)
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect(),
        )),
        _ => scalar_text(found.node)
            .map(EnvDefault::Text)
            .ok_or_else(|| {
                sink.fault(
                    found,
                    Code::WrongType,
                    "is an array",
                    "a string, a finite number, true, false",
                )
            }),
    }
}
