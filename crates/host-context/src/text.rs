//! Texts of guests that people read: they can neither move a cursor nor turn text around.

/// An argument that is not well formed. Holds none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{argument} {problem}")]
pub struct InvalidText {
    argument: &'static str,
    problem: &'static str,
}

impl InvalidText {
    /// Names the argument, and what is wrong with it or what would be accepted.
    #[must_use]
    pub const fn new(argument: &'static str, problem: &'static str) -> Self {
        Self { argument, problem }
    }
}

/// Whether a character is an embedding, an override or an isolate of the bidirectional algorithm: it makes
/// what follows read in another order than it is written.
#[must_use]
pub fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character is not shown: control, or [`turns_text`].
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control() || turns_text(c)
}

/// Whether a character could forge what an operator reads in a list: [`is_hidden`], and the invisible marks of
/// direction.
#[must_use]
pub fn is_forging(c: char) -> bool {
    is_hidden(c) || matches!(c, '\u{200e}' | '\u{200f}')
}

/// The text without what is not shown.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars().filter(|c| !is_hidden(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_no_control_and_turns_nothing_around() {
        assert_eq!(shown("a\u{1b}[1m\r\n\u{9b}\u{202e}b\u{2066}\u{e9}"), "a[1mb\u{e9}");
    }
}
