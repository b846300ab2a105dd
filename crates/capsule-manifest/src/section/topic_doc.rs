//! `[[topic]]`: the legacy documentation of topics. It grants nothing.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::path;
use crate::sink::{Faulted, Sink};
use crate::text::quote;

/// Which way messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TopicDirection {
    /// Out of the capsule.
    Publish,
    /// Into the capsule.
    Subscribe,
}

/// A documented topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicDoc {
    /// The topic, with at most a trailing `.*`.
    pub name: String,
    /// Which way messages go.
    pub direction: TopicDirection,
    /// What it is for.
    pub description: Option<String>,
    /// Relative path of a JSON schema.
    pub schema: Option<PathBuf>,
    /// The WIT record of the payload.
    pub wit_type: Option<String>,
}

pub(crate) fn read(root: &Cursor<'_>, sink: &mut Sink<'_>) -> Vec<TopicDoc> {
    let mut known = HashSet::new();
    let topics = root.tables("topic");
    topics
        .iter()
        .filter_map(|entry| read_one(entry, &mut known, sink).ok())
        .collect()
}

fn read_one<'t>(
    entry: &Cursor<'t>,
    known: &mut HashSet<(&'t str, TopicDirection)>,
    sink: &mut Sink<'_>,
) -> Result<TopicDoc, Faulted> {
    let found = entry.field("name");
    let name = found.text().unwrap_or_default();
    let direction = match entry.text_at("direction") {
        Some("publish") => TopicDirection::Publish,
        _ => TopicDirection::Subscribe,
    };
    let schema = path::relative_at(entry, "schema", sink);
    if !is_topic(name) {
        let allowed = "segments of letters, digits, \"-\", \"_\" joined by \".\", with at most a trailing \".*\"";
        return Err(sink.fault(
            &found,
            Code::BadTopic,
            format!("{} is no documented topic", quote(name)),
            allowed,
        ));
    }
    if !known.insert((name, direction)) {
        let problem = format!("topic {} is documented twice in one direction", quote(name));
        return Err(sink.fault(&found, Code::DuplicateTopic, problem, ""));
    }
    Ok(TopicDoc {
        name: name.to_owned(),
        direction,
        description: entry.string_at("description"),
        schema: schema?,
        wit_type: entry.string_at("wit_type"),
    })
}

fn is_topic(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.strip_suffix(".*").unwrap_or(name).split('.').all(part)
}
