//! A refusal as one stable line for operators.

use std::borrow::Cow;
use std::fmt;

use astrid_host_context::{Denial, Request, Target};

/// Most bytes of a target in a denial, so that a hostile one cannot fill a log.
pub const MAX_TARGET: usize = 256;

/// What was refused, why, and what the deciding list has. Its text is one line and stable:
/// `capsule 'c' may not read 'home://x': reason; [capabilities].fs_read allows: cwd://src`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateDenial {
    /// The capsule that asked.
    pub capsule: String,
    /// What it wanted to do, as words that follow "may not".
    pub operation: &'static str,
    /// To what; cut to [`MAX_TARGET`] bytes, control characters escaped.
    pub target: String,
    /// Why not, lower case, no full stop.
    pub reason: String,
    /// The list that decided, such as `[capabilities].net`.
    pub setting: String,
    /// The entries of that list, control characters escaped.
    pub allowed: Vec<String>,
}

impl GateDenial {
    pub(crate) fn new(
        request: &Request<'_>,
        operation: &'static str,
        reason: impl Into<String>,
        setting: impl Into<String>,
        allowed: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        Self {
            capsule: request.capsule.to_string(),
            operation,
            target: printable(&target(request)),
            reason: reason.into(),
            setting: setting.into(),
            allowed: allowed.into_iter().map(|entry| printable(entry.as_ref())).collect(),
        }
    }
}

impl fmt::Display for GateDenial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capsule, operation, target, reason, setting, allowed } = self;
        write!(f, "capsule '{capsule}' may not {operation} '{target}': {reason}; {setting} allows: ")?;
        match allowed.as_slice() {
            [] => f.write_str("nothing"),
            entries => f.write_str(&entries.join(", ")),
        }
    }
}

impl std::error::Error for GateDenial {}

impl From<GateDenial> for Denial {
    fn from(denial: GateDenial) -> Self {
        let text = denial.to_string();
        Self::new(text).allowed_by(denial.setting)
    }
}

/// The target of a request as operators know it; an operation without one is called by its verb.
/// Copies no more of a long one than a denial can show.
pub(crate) fn target<'a>(request: &Request<'a>) -> Cow<'a, str> {
    match request.target {
        Target::None => request.action.verb.into(),
        Target::Key(text) | Target::Path(text) | Target::Topic(text) | Target::Other { name: text, .. } => {
            text.into()
        }
        Target::Endpoint { host, port } if host.contains(':') && !host.starts_with('[') => {
            format!("[{host}]:{port}").into()
        }
        Target::Command { program, args } => {
            let mut line = program.to_owned();
            for arg in args {
                if line.len() > MAX_TARGET {
                    break;
                }
                line.push(' ');
                line.push_str(cut(arg));
            }
            line.into()
        }
        other => other.describe().unwrap_or_default().into(),
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TARGET)).unwrap_or_default()
}

/// Cuts to [`MAX_TARGET`] bytes at a character, then escapes what could forge or hide log text.
pub(crate) fn printable(text: &str) -> String {
    let cut = cut(text);
    let mut safe = String::with_capacity(cut.len());
    for c in cut.chars() {
        if c.is_control() || is_direction(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Marks that reorder the text around them, and the two separators that some viewers break lines at.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use astrid_host_context::{Action, CapsuleId};

    use super::*;

    #[test]
    fn a_target_is_cut_at_a_character_and_stays_one_line() {
        let long = "é".repeat(1000);
        assert_eq!(printable(&long).len(), MAX_TARGET);
        assert_eq!(printable("a\nb\u{1b}[1m\u{202e}x"), "a\\nb\\u{1b}[1m\\u{202e}x");
    }

    #[test]
    fn an_empty_list_allows_nothing() {
        let capsule = CapsuleId::parse("c").unwrap();
        let (action, target) = (Action::new("fs", "read"), Target::Path("home://x"));
        let request = Request { principal: None, capsule: &capsule, action, target };
        let none: [&str; 0] = [];
        let denial = GateDenial::new(&request, "read", "no entry covers it", "[capabilities].fs_read", none);
        assert_eq!(
            denial.to_string(),
            "capsule 'c' may not read 'home://x': no entry covers it; [capabilities].fs_read allows: nothing"
        );
        assert_eq!(Denial::from(denial).allowed_by.as_deref(), Some("[capabilities].fs_read"));
    }

    #[test]
    fn long_commands_are_shown_by_their_beginning() {
        let capsule = CapsuleId::parse("c").unwrap();
        let args = vec!["x".repeat(1 << 20); 8];
        let target = Target::Command { program: "git", args: &args };
        let request =
            Request { principal: None, capsule: &capsule, action: Action::new("process", "spawn"), target };
        let text = super::target(&request);
        assert!(text.starts_with("git xxx") && text.len() < 1024, "{}", text.len());
    }
}
