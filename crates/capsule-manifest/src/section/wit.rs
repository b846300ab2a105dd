//! References from topics to the WIT record that describes their payload, and the pins of their source.

use std::fmt;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::sink::{Faulted, Sink};
use crate::text::quote;
use crate::{path, text};

const PINS: [&str; 5] = ["version", "tag", "rev", "branch", "path"];

/// How a WIT reference is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WitKind {
    /// The word `opaque`: any payload.
    Opaque,
    /// `@scope/repo/interface/record`.
    Registry,
    /// `interface/record` of the capsule's own WIT.
    Local,
    /// Anything else; treated as opaque, and warned about.
    Unresolved,
}

/// A WIT reference. It feeds the schema catalog and never decides whether a payload is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WitRef {
    text: String,
    kind: WitKind,
}

impl WitRef {
    /// Sorts a reference by its spelling.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            kind: kind_of(text),
        }
    }

    /// The reference as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The spelling.
    #[must_use]
    pub fn kind(&self) -> WitKind {
        self.kind
    }

    /// Whether there is no record to look up.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        matches!(self.kind, WitKind::Opaque | WitKind::Unresolved)
    }
}

impl fmt::Display for WitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn kind_of(reference: &str) -> WitKind {
    if reference == "opaque" {
        return WitKind::Opaque;
    }
    let word = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| text::segment(b) || matches!(b, b'.' | b'@'))
    };
    let (scoped, rest) = reference
        .strip_prefix('@')
        .map_or((false, reference), |rest| (true, rest));
    let parts = rest.split('/').filter(|part| word(part)).count();
    match (scoped, parts, rest.split('/').count()) {
        (true, 4, 4) => WitKind::Registry,
        (false, 2, 2) => WitKind::Local,
        _ => WitKind::Unresolved,
    }
}

/// Where the package of a registry reference is taken from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourcePin {
    /// A released version.
    Version(String),
    /// A Git tag.
    Tag(String),
    /// A Git commit.
    Rev(String),
    /// A Git branch.
    Branch(String),
    /// A directory of the capsule.
    Path(String),
}

/// Reads the reference of a topic entry, which is a string or a table.
pub(crate) fn read_wit(entry: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<WitRef, Faulted> {
    let found = entry.get("wit").unwrap_or_else(|| entry.clone());
    let reference = found.text().unwrap_or_default();
    if reference.is_empty() {
        return Err(sink.fault(
            &found,
            Code::EmptyValue,
            "the WIT reference is empty",
            "a WIT reference, or \"opaque\"",
        ));
    }
    let wit = WitRef::new(reference);
    if wit.kind == WitKind::Unresolved {
        let message = format!(
            "WIT reference {} of {} is treated as opaque",
            quote(reference),
            entry.path
        );
        sink.warn(&found, Code::UnresolvedWit, message);
    }
    Ok(wit)
}

/// Reads the pin of a topic entry, of which there may be one.
pub(crate) fn read_pin(
    entry: &Cursor<'_>,
    sink: &mut Sink<'_>,
) -> Result<Option<SourcePin>, Faulted> {
    let mut given = PINS.iter().filter_map(|key| Some((*key, entry.get(key)?)));
    let Some((key, found)) = given.next() else {
        return Ok(None);
    };
    if let Some((other, again)) = given.next() {
        let problem = format!("both {} and {} are given", quote(key), quote(other));
        let spot = crate::sink::Spot::new(&entry.path, again.key_at);
        return Err(sink.fault(
            spot,
            Code::ConflictingPins,
            problem,
            format!("one of {}", PINS.join(", ")),
        ));
    }
    let pin = found.text().unwrap_or_default().to_owned();
    Ok(Some(match key {
        "version" => SourcePin::Version(pin),
        "tag" => SourcePin::Tag(pin),
        "rev" => SourcePin::Rev(pin),
        "branch" => SourcePin::Branch(pin),
        _ => {
            path::relative(&found, sink)?;
            SourcePin::Path(pin)
        }
    }))
}
