//! `[[command]]`.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::path;
use crate::schema::COMMAND_KINDS;
use crate::sink::{Faulted, Sink};
use crate::text::{is_name, lower, lower_hyphen, lower_ident, quote};

/// Verbs of the `capsule` program, which a cli command must not hide.
pub const RESERVED_COMMANDS: [&str; 13] = [
    "new", "install", "update", "list", "remove", "tree", "deps", "build", "check", "config",
    "show", "run", "help",
];

/// Where a command is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommandKind {
    /// In a conversation, after a slash.
    Slash,
    /// In a shell, after the program's name.
    Cli,
}

impl CommandKind {
    /// The word a manifest uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slash => "slash",
            Self::Cli => "cli",
        }
    }
}

/// A command the capsule answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandDef {
    /// The name, without a leading slash.
    pub name: String,
    /// One sentence for listings.
    pub description: Option<String>,
    /// Relative path of a static body.
    pub file: Option<PathBuf>,
    /// Slash or cli.
    pub kind: CommandKind,
}

pub(crate) fn read(root: &Cursor<'_>, sink: &mut Sink<'_>) -> Vec<CommandDef> {
    let mut known = HashSet::new();
    let commands = root.tables("command");
    commands
        .iter()
        .filter_map(|entry| read_one(entry, &mut known, sink).ok())
        .collect()
}

fn read_one<'t>(
    entry: &Cursor<'t>,
    known: &mut HashSet<(&'t str, CommandKind)>,
    sink: &mut Sink<'_>,
) -> Result<CommandDef, Faulted> {
    let kind = match entry.text_at("kind") {
        Some("cli") => CommandKind::Cli,
        _ => CommandKind::Slash,
    };
    let found = entry.field("name");
    let name = read_name(&found, kind, sink);
    let file = path::relative_at(entry, "file", sink);
    let (name, file) = (name?, file?);
    if !known.insert((name, kind)) {
        let problem = format!(
            "{} command {} is declared twice",
            kind.as_str(),
            quote(name)
        );
        let allowed = format!("one of each name and kind ({})", COMMAND_KINDS.join(", "));
        return Err(sink.fault(&found, Code::DuplicateCommand, problem, allowed));
    }
    Ok(CommandDef {
        name: name.to_owned(),
        description: entry.string_at("description"),
        file,
        kind,
    })
}

fn read_name<'t>(
    found: &Cursor<'t>,
    kind: CommandKind,
    sink: &mut Sink<'_>,
) -> Result<&'t str, Faulted> {
    let text = found.text().unwrap_or_default();
    let (name, good, allowed) = match kind {
        CommandKind::Slash => {
            let name = text.strip_prefix('/').unwrap_or(text);
            let good = is_name(name, 64, lower, |byte| lower_ident(byte) || byte == b':');
            (
                name,
                good,
                "1 to 64 lowercase letters, digits, \":\", \"_\", \"-\", starting with a letter or digit",
            )
        }
        CommandKind::Cli => {
            let good = is_name(text, 32, |byte| byte.is_ascii_lowercase(), lower_hyphen);
            (
                text,
                good,
                "1 to 32 lowercase letters, digits, \"-\", starting with a letter",
            )
        }
    };
    if !good {
        let problem = format!("{} is no {} command name", quote(text), kind.as_str());
        return Err(sink.fault(found, Code::BadName, problem, allowed));
    }
    if kind == CommandKind::Cli && RESERVED_COMMANDS.contains(&name) {
        let problem = format!("{} is a verb of the host's program", quote(name));
        let allowed = format!("any name but {}", RESERVED_COMMANDS.join(", "));
        return Err(sink.fault(found, Code::ReservedCommand, problem, allowed));
    }
    Ok(name)
}
