//! `[[llm_provider]]`, a legacy section.

use crate::cursor::Cursor;

/// A language model provider. Its only effect is that the capsule provides `llm:<id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LlmProviderDef {
    /// The id.
    pub id: String,
    /// One sentence.
    pub description: Option<String>,
    /// What the provider says it can do.
    pub capabilities: Vec<String>,
}

pub(crate) fn read(root: &Cursor<'_>) -> Vec<LlmProviderDef> {
    let read = |entry: &Cursor<'_>| LlmProviderDef {
        id: entry.string_at("id").unwrap_or_default(),
        description: entry.string_at("description"),
        capabilities: entry.strings_at("capabilities"),
    };
    root.tables("llm_provider").iter().map(read).collect()
}
