//! Texts of guests that people read: they can neither move a cursor nor turn text around.

/// Whether a character belongs to the embeddings, overrides and isolates of the bidirectional algorithm.
#[must_use]
pub fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character is not shown: control, or [`turns_text`].
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control() || turns_text(c)
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
