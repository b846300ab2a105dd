//! What is wrong with an entry that no gate can be built from.

/// A list entry that means nothing. The manifest parser refuses most of them first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {entry:?} {problem}; allowed: {allowed}")]
pub struct InvalidEntry {
    /// The list, such as `[capabilities].net`.
    pub setting: String,
    /// The entry as written, cut to 256 characters.
    pub entry: String,
    /// What is wrong with it.
    pub problem: &'static str,
    /// What would be accepted.
    pub allowed: &'static str,
}

impl InvalidEntry {
    pub(crate) fn new(setting: &str, entry: &str, problem: &'static str, allowed: &'static str) -> Self {
        let entry = entry.chars().take(crate::denial::MAX_TARGET).collect();
        Self { setting: setting.to_owned(), entry, problem, allowed }
    }
}
