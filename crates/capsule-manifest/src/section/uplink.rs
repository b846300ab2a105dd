//! `[[uplink]]`: platforms that a capsule connects.

use std::collections::HashSet;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::sink::{Faulted, Sink};
use crate::text::quote;

/// Most uplinks of one capsule, the limit that also applies to registering them.
pub const MAX_UPLINKS: usize = 32;

/// What an uplink is like to talk through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UplinkProfile {
    /// Messages both ways.
    Chat,
    /// A person who can answer questions.
    Interactive,
    /// One way, out.
    Notify,
    /// Another system.
    Bridge,
}

impl UplinkProfile {
    /// The word a manifest uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Interactive => "interactive",
            Self::Notify => "notify",
            Self::Bridge => "bridge",
        }
    }
}

/// A declared uplink.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UplinkDef {
    /// Its name, trimmed.
    pub name: String,
    /// The platform, trimmed, in lower case.
    pub platform: String,
    /// What it is like.
    pub profile: UplinkProfile,
}

pub(crate) fn read(root: &Cursor<'_>, is_uplink: bool, sink: &mut Sink<'_>) -> Vec<UplinkDef> {
    let entries = root.tables("uplink");
    if entries.len() > MAX_UPLINKS {
        let problem = format!("\"uplink\" has {} entries", entries.len());
        sink.fault(
            &root.field("uplink"),
            Code::TooManyEntries,
            problem,
            format!("at most {MAX_UPLINKS}"),
        );
    }
    if let Some(first) = entries.first().filter(|_| !is_uplink) {
        let problem = "an uplink is declared without the capability";
        sink.fault(
            first,
            Code::UplinkWithoutCapability,
            problem,
            "capabilities.uplink = true",
        );
    }
    let mut known = HashSet::new();
    entries
        .iter()
        .filter_map(|entry| read_one(entry, &mut known, sink).ok())
        .collect()
}

fn read_one(
    entry: &Cursor<'_>,
    known: &mut HashSet<(String, String)>,
    sink: &mut Sink<'_>,
) -> Result<UplinkDef, Faulted> {
    let name = read_word(&entry.field("name"), sink);
    let platform = read_word(&entry.field("platform"), sink);
    let (name, platform) = (name?, platform?.to_lowercase());
    if !known.insert((name.clone(), platform.clone())) {
        let problem = format!(
            "uplink {} on {} is declared twice",
            quote(&name),
            quote(&platform)
        );
        return Err(sink.fault(entry, Code::DuplicateUplink, problem, ""));
    }
    let profile = match entry.text_at("profile") {
        Some("chat") => UplinkProfile::Chat,
        Some("notify") => UplinkProfile::Notify,
        Some("bridge") => UplinkProfile::Bridge,
        _ => UplinkProfile::Interactive,
    };
    Ok(UplinkDef {
        name,
        platform,
        profile,
    })
}

fn read_word(found: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<String, Faulted> {
    match found.text().unwrap_or_default().trim() {
        "" => Err(sink.fault(found, Code::EmptyValue, "is blank", "a non-empty string")),
        word => Ok(word.to_owned()),
    }
}
