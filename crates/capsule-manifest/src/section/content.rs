//! `[[context_file]]` and `[[skill]]`: text that a capsule brings along.

use std::path::PathBuf;

use crate::cursor::Cursor;
use crate::path;
use crate::sink::Sink;

/// A text that is put before a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextFileDef {
    /// Its heading.
    pub name: String,
    /// Relative path.
    pub file: PathBuf,
}

/// A skill.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkillDef {
    /// Its name, when the front matter of the file is not to supply it.
    pub name: Option<String>,
    /// What it is for, when the front matter of the file is not to supply it.
    pub description: Option<String>,
    /// Relative path of a `SKILL.md`, or of a directory holding one.
    pub file: PathBuf,
}

pub(crate) fn read_context_files(root: &Cursor<'_>, sink: &mut Sink<'_>) -> Vec<ContextFileDef> {
    let read = |entry: &Cursor<'_>| {
        let file = path::relative(&entry.field("file"), sink).ok()?;
        Some(ContextFileDef {
            name: entry.string_at("name").unwrap_or_default(),
            file,
        })
    };
    root.tables("context_file")
        .iter()
        .filter_map(read)
        .collect()
}

pub(crate) fn read_skills(root: &Cursor<'_>, sink: &mut Sink<'_>) -> Vec<SkillDef> {
    let read = |entry: &Cursor<'_>| {
        let file = path::relative(&entry.field("file"), sink).ok()?;
        Some(SkillDef {
            name: entry.string_at("name"),
            description: entry.string_at("description"),
            file,
        })
    };
    root.tables("skill").iter().filter_map(read).collect()
}
