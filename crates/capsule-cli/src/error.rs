//! What goes wrong, as the lines a user reads.

use std::fmt;
use std::path::Path;

use astrid_capsule_install::InstallError;
use astrid_capsule_manifest::ManifestError;

/// Exit code when something that was given or found is wrong.
pub(crate) const FAILED: u8 = 1;
/// Exit code of a wrong command line.
pub(crate) const USAGE: u8 = 2;

/// Longest foreign text (a parser's words, a compiler's) that becomes part of a line, in characters.
const LONGEST_CAUSE: usize = 400;

/// Why a command fails: one line or several independent ones, each naming the file, what is wrong with it and, where
/// that can be said, what would be accepted.
#[derive(Debug)]
pub(crate) struct CliError {
    lines: Vec<String>,
}

impl CliError {
    /// Something about the file or directory `path`.
    pub(crate) fn at(path: &Path, problem: impl fmt::Display) -> Self {
        Self::new(format!("{}: {problem}", path.display()))
    }

    /// Something that concerns no file.
    pub(crate) fn new(problem: impl fmt::Display) -> Self {
        Self { lines: vec![one_line(&problem.to_string())] }
    }

    /// Every line of several errors, which must not be none.
    pub(crate) fn all(errors: Vec<Self>) -> Self {
        Self { lines: errors.into_iter().flat_map(|error| error.lines).collect() }
    }

    /// The same with what would be accepted.
    pub(crate) fn allowed(mut self, allowed: impl fmt::Display) -> Self {
        if let Some(last) = self.lines.last_mut() {
            *last = one_line(&format!("{last}; allowed: {allowed}"));
        }
        self
    }

    /// The lines, never none.
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl From<InstallError> for CliError {
    fn from(error: InstallError) -> Self {
        Self { lines: error.to_string().lines().map(cause).collect() }
    }
}

impl From<ManifestError> for CliError {
    fn from(error: ManifestError) -> Self {
        Self { lines: error.faults().iter().map(|fault| one_line(&fault.to_string())).collect() }
    }
}

/// Somebody else's words, short enough to stand in a line of ours.
pub(crate) fn cause(error: impl fmt::Display) -> String {
    let text = one_line(&error.to_string());
    let mut cut: String = text.chars().take(LONGEST_CAUSE).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

/// Joins lines and escapes control characters: names come from files that others wrote, and a terminal obeys them.
pub(crate) fn one_line(text: &str) -> String {
    let joined =
        text.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    joined.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_without_control_characters() {
        assert_eq!(one_line("a\n  b\r\nc\u{1b}[31m"), "a b c\\u{1b}[31m");
    }

    #[test]
    fn a_cause_is_cut_at_a_character() {
        assert_eq!(cause("é".repeat(LONGEST_CAUSE)), "é".repeat(LONGEST_CAUSE));
        assert_eq!(cause("é".repeat(LONGEST_CAUSE + 1)), format!("{}…", "é".repeat(LONGEST_CAUSE)));
    }
}
