//! `[[tool]]`: tools that a capsule declares instead of describing them when asked.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::code::Code;
use crate::cursor::Cursor;
use crate::json;
use crate::section::channel::{Binding, DEFAULT_PRIORITY};
use crate::section::wit::WitRef;
use crate::sink::{Faulted, Sink};
use crate::text::{is_name, quote, segment};
use crate::topic::TopicPattern;

/// Longest tool name in bytes.
const MAX_NAME_BYTES: usize = 64;

/// A declared tool.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ToolDef {
    /// `[A-Za-z0-9_:-]`, 1 to 64 bytes.
    pub name: String,
    /// What the model is told.
    pub description: Option<String>,
    /// Reference to the WIT record of the arguments.
    pub input_schema_wit: Option<WitRef>,
    /// JSON schema of the arguments, the legacy spelling.
    pub input_schema: Option<Map<String, Value>>,
    /// Whether running the tool changes anything.
    pub mutable: bool,
}

pub(crate) fn read(root: &Cursor<'_>, sink: &mut Sink<'_>) -> Vec<ToolDef> {
    let mut names = HashSet::new();
    let tools = root.tables("tool");
    tools
        .iter()
        .filter_map(|entry| read_one(entry, &mut names, sink).ok())
        .collect()
}

fn read_one<'t>(
    entry: &Cursor<'t>,
    names: &mut HashSet<&'t str>,
    sink: &mut Sink<'_>,
) -> Result<ToolDef, Faulted> {
    let found = entry.field("name");
    let name = found.text().unwrap_or_default();
    if !is_name(name, MAX_NAME_BYTES, segment, segment) {
        let problem = format!("{} is no tool name", quote(name));
        return Err(sink.fault(
            &found,
            Code::BadName,
            problem,
            "1 to 64 letters, digits, \"_\", \":\", \"-\"",
        ));
    }
    if !names.insert(name) {
        return Err(sink.fault(
            &found,
            Code::DuplicateTool,
            format!("tool {} is declared twice", quote(name)),
            "",
        ));
    }
    let description = entry.get_any(&["description_for_llm", "description"]);
    Ok(ToolDef {
        name: name.to_owned(),
        description: description
            .and_then(|found| found.text())
            .map(str::to_owned),
        input_schema_wit: entry.text_at("input_schema_wit").map(WitRef::new),
        input_schema: entry
            .get("input_schema")
            .map(|found| json::object(found.node)),
        mutable: entry.bool_at("mutable").unwrap_or_default(),
    })
}

/// Binds every tool whose execute topic no subscription or interceptor covers by the strict rule.
pub(crate) fn bind<'s>(
    tools: &[ToolDef],
    subscribed: impl Iterator<Item = &'s TopicPattern>,
    bindings: &mut Vec<Binding>,
) {
    let bound = bindings.iter().map(|binding| binding.pattern.clone());
    let stated: HashSet<TopicPattern> = subscribed.cloned().chain(bound).collect();
    for tool in tools {
        // A tool name is a valid segment, so this cannot fail.
        let Ok(topic) = TopicPattern::parse(&format!("tool.v1.execute.{}", tool.name)) else {
            continue;
        };
        if !covering(&tool.name).any(|pattern| stated.contains(pattern.as_str())) {
            bindings.push(Binding::new(
                topic,
                format!("tool_execute_{}", tool.name),
                DEFAULT_PRIORITY,
            ));
        }
    }
}

/// Every pattern that strictly matches the execute topic of a tool: each of its four segments as it is, or `*`. There
/// are few enough to look each of them up, however many patterns and tools a manifest has.
fn covering(name: &str) -> impl Iterator<Item = String> + '_ {
    (0..16_u8).map(move |wild| {
        let segments = ["tool", "v1", "execute", name].into_iter().enumerate();
        let segments =
            segments.map(|(bit, segment)| if wild >> bit & 1 == 1 { "*" } else { segment });
        segments.collect::<Vec<_>>().join(".")
    })
}
