//! `[dependencies]`: the legacy way to order capsules, by typed strings.

use std::fmt;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::sink::{Faulted, Sink};
use crate::text::{quote, segment};

/// What a reference is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RefKind {
    /// A topic somebody publishes.
    Topic,
    /// A tool by name.
    Tool,
    /// A language model provider by id.
    Llm,
    /// An uplink by platform.
    Uplink,
}

impl RefKind {
    const ALL: [Self; 4] = [Self::Topic, Self::Tool, Self::Llm, Self::Uplink];

    /// The prefix a manifest uses, without the colon.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Tool => "tool",
            Self::Llm => "llm",
            Self::Uplink => "uplink",
        }
    }
}

/// Something one capsule provides and another requires. Displays as `prefix:body`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct CapabilityRef {
    /// What it is about.
    pub kind: RefKind,
    /// Dotted body; `*` segments stand for exactly one segment where something is required.
    pub body: String,
}

impl CapabilityRef {
    pub(crate) fn new(kind: RefKind, body: &str) -> Self {
        Self {
            kind,
            body: body.to_owned(),
        }
    }
}

impl fmt::Display for CapabilityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.body)
    }
}

/// The section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DependenciesDef {
    /// What must be there first.
    pub requires: Vec<CapabilityRef>,
    /// What is there once this capsule is.
    pub provides: Vec<CapabilityRef>,
}

pub(crate) fn read(root: &Cursor<'_>, sink: &mut Sink<'_>) -> DependenciesDef {
    let Some(table) = root.get("dependencies") else {
        return DependenciesDef::default();
    };
    let mut list = |key: &str, wild: bool| {
        table
            .texts_at(key)
            .into_iter()
            .filter_map(|(text, found)| read_one(text, wild, &found, sink).ok())
            .collect()
    };
    DependenciesDef {
        requires: list("requires", true),
        provides: list("provides", false),
    }
}

fn read_one(
    text: &str,
    wild: bool,
    found: &Cursor<'_>,
    sink: &mut Sink<'_>,
) -> Result<CapabilityRef, Faulted> {
    let split = text.split_once(':').and_then(|(prefix, body)| {
        RefKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == prefix)
            .map(|kind| (kind, body))
    });
    let (problem, allowed) = match split {
        None => ("has no known prefix", "topic:, tool:, llm:, uplink:"),
        Some((_, "")) => (
            "has nothing after its prefix",
            "topic:<body>, tool:<body>, llm:<body>, uplink:<body>",
        ),
        Some((kind, body)) if body.split('.').all(|part| is_segment(part, wild)) => {
            return Ok(CapabilityRef::new(kind, body));
        }
        Some(_) if wild => (
            "has an invalid segment",
            "segments of letters, digits, \"_\", \":\", \"-\", or exactly \"*\"",
        ),
        Some(_) => (
            "has an invalid segment",
            "segments of letters, digits, \"_\", \":\", \"-\"",
        ),
    };
    Err(sink.fault(
        found,
        Code::BadCapabilityRef,
        format!("{} {problem}", quote(text)),
        allowed,
    ))
}

fn is_segment(part: &str, wild: bool) -> bool {
    (wild && part == "*") || (!part.is_empty() && part.bytes().all(segment))
}
