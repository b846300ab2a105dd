//! `[[mcp_server]]`.

use std::collections::HashSet;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::hash;
use crate::schema::SERVER_TYPES;
use crate::sink::{Faulted, Sink};
use crate::text::{is_name, lower, lower_ident, quote};

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum McpServerKind {
    /// A native process, spoken to over its standard streams.
    Stdio,
    /// The capsule's own component, over the bus.
    WasmIpc,
    /// A legacy kind that is kept and never started.
    OpenClaw,
}

/// A server of the Model Context Protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct McpServerDef {
    /// `[a-z0-9][a-z0-9_-]*`, up to 64 bytes.
    pub id: String,
    /// One sentence.
    pub description: Option<String>,
    /// How it is reached.
    pub kind: McpServerKind,
    /// The program; always there for [`McpServerKind::Stdio`].
    pub command: Option<String>,
    /// Its arguments.
    pub args: Vec<String>,
    /// Pinned BLAKE3 digest of the program, 64 lowercase hex digits.
    pub binary_hash: Option<String>,
}

pub(crate) fn read(root: &Cursor<'_>, sink: &mut Sink<'_>) -> Vec<McpServerDef> {
    let mut ids = HashSet::new();
    let servers = root.tables("mcp_server");
    servers
        .iter()
        .filter_map(|entry| read_one(entry, &mut ids, sink).ok())
        .collect()
}

fn read_one<'t>(
    entry: &Cursor<'t>,
    ids: &mut HashSet<&'t str>,
    sink: &mut Sink<'_>,
) -> Result<McpServerDef, Faulted> {
    let id = read_id(&entry.field("id"), ids, sink);
    let binary_hash = entry
        .get("binary_hash")
        .map(|found| read_hash(&found, sink))
        .transpose();
    let (id, binary_hash) = (id?, binary_hash?);
    Ok(McpServerDef {
        id: id.to_owned(),
        description: entry.string_at("description"),
        kind: kind_of(entry),
        command: entry.string_at("command"),
        args: entry.strings_at("args"),
        binary_hash,
    })
}

fn read_id<'t>(
    found: &Cursor<'t>,
    ids: &mut HashSet<&'t str>,
    sink: &mut Sink<'_>,
) -> Result<&'t str, Faulted> {
    let id = found.text().unwrap_or_default();
    if !is_name(id, 64, lower, lower_ident) {
        let allowed =
            "1 to 64 lowercase letters, digits, \"_\", \"-\", starting with a letter or digit";
        return Err(sink.fault(
            found,
            Code::BadName,
            format!("{} is no server id", quote(id)),
            allowed,
        ));
    }
    if !ids.insert(id) {
        return Err(sink.fault(
            found,
            Code::DuplicateServer,
            format!("server {} is declared twice", quote(id)),
            "",
        ));
    }
    Ok(id)
}

fn read_hash(found: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<String, Faulted> {
    let text = found.text().unwrap_or_default();
    hash::digest(text, true).map(str::to_owned).ok_or_else(|| {
        let problem = format!("{} is no BLAKE3 digest", quote(text));
        sink.fault(found, Code::BadHash, problem, "blake3:<64 lowercase hex>")
    })
}

fn kind_of(entry: &Cursor<'_>) -> McpServerKind {
    match entry.text_at("type") {
        Some("wasm-ipc") => McpServerKind::WasmIpc,
        Some("openclaw") => McpServerKind::OpenClaw,
        _ => McpServerKind::Stdio,
    }
}

/// Requires `command` where a process is started, and warns where none will be. Part of the check of required keys.
pub(crate) fn check_kinds(root: &Cursor<'_>, sink: &mut Sink<'_>) {
    for entry in root.tables("mcp_server") {
        match kind_of(&entry) {
            McpServerKind::Stdio if entry.get("command").is_none() => {
                // Without either key it is not even clear that a process was meant.
                let (key, allowed) = match entry.get("type") {
                    Some(_) => ("command", "a string".to_owned()),
                    None => (
                        "type",
                        format!("command, or type as one of {}", SERVER_TYPES.join(", ")),
                    ),
                };
                let path = entry.path.key(key);
                let problem = format!("\"{path}\" is missing");
                sink.fault(
                    crate::sink::Spot::new(&path, entry.node.at),
                    Code::MissingKey,
                    problem,
                    allowed,
                );
            }
            McpServerKind::OpenClaw => {
                let message = format!(
                    "{} of type \"openclaw\" is kept and not started",
                    entry.path
                );
                sink.warn(&entry.field("type"), Code::ServerNotStarted, message);
            }
            _ => {}
        }
    }
}
