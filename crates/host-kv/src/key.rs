//! Keys, prefixes and cursors: text that was checked once, so that no unchecked string travels past the face.

use std::borrow::Borrow;
use std::ops::Bound;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Longest key, prefix or cursor in bytes of UTF-8. The contract sets it so that a row key of any
/// backend, namespace included, stays below common limits of 512 bytes.
pub const MAX_KEY: usize = 256;

/// Why a text is not a key, prefix or cursor. Holds none of the text: it came from a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// A key or cursor without a character.
    #[error("the key is empty; allowed: 1 to {MAX_KEY} bytes")]
    Empty,
    /// More bytes than [`MAX_KEY`].
    #[error("the key has {0} bytes; allowed: 1 to {MAX_KEY}")]
    Long(usize),
    /// NUL, U+0001–001F or U+007F–009F.
    #[error("the key holds a control character; allowed: text without any")]
    Control,
    /// Not in Unicode normalization form C.
    #[error("the key is not in normalization form c; allowed: composed text")]
    NotNfc,
}

macro_rules! checked_text {
    ($($(#[$doc:meta])* $name:ident, empty: $empty:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks the text and keeps it as it is: nothing is normalised, trimmed or folded.
            ///
            /// # Errors
            /// The first rule of [`InvalidKey`] that the text breaks.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidKey> {
                let text = text.into();
                check(&text, $empty)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, without a copy.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }
        }
    )*};
}

checked_text! {
    /// The name of one value: 1 to 256 bytes of NFC text without control characters.
    Key, empty: false;
    /// What all keys of a listing begin with: like a [`Key`], or empty for all keys.
    Prefix, empty: true;
    /// Where a page begins, exclusive: the last key of the page before. Need not exist any more.
    Cursor, empty: false;
}

/// All keys.
impl Default for Prefix {
    fn default() -> Self {
        Self(String::new())
    }
}

impl Prefix {
    /// Whether a key belongs to the listing; by bytes, so `a.b` matches `a.bc`.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        key.as_bytes().starts_with(self.0.as_bytes())
    }

    /// Where a page of the listing begins that comes after a cursor, if there is one.
    pub(crate) fn start<'a>(&'a self, after: Option<&'a Cursor>) -> Bound<&'a str> {
        match after.map(Cursor::as_str) {
            Some(after) if after >= self.as_str() => Bound::Excluded(after),
            _ => Bound::Included(self.as_str()),
        }
    }
}

/// Keys are ordered as their texts are.
impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

fn check(text: &str, empty_allowed: bool) -> Result<(), InvalidKey> {
    if text.is_empty() {
        return if empty_allowed { Ok(()) } else { Err(InvalidKey::Empty) };
    }
    if text.len() > MAX_KEY {
        return Err(InvalidKey::Long(text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidKey::Control);
    }
    // ASCII is NFC, and nearly all keys are ASCII.
    if text.is_ascii() || is_nfc(text) { Ok(()) } else { Err(InvalidKey::NotNfc) }
}

fn is_nfc(text: &str) -> bool {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => true,
        IsNormalized::No => false,
        IsNormalized::Maybe => text.nfc().eq(text.chars()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // kv case 4
    #[test]
    fn key_lengths_0_and_257_are_invalid_and_1_255_256_are_not() {
        for length in [1, 255, 256] {
            assert!(Key::parse("k".repeat(length)).is_ok(), "{length}");
        }
        assert_eq!(Key::parse(""), Err(InvalidKey::Empty));
        assert_eq!(Key::parse("k".repeat(257)), Err(InvalidKey::Long(257)));
    }

    // kv case 5
    #[test]
    fn the_limit_counts_bytes_not_characters() {
        assert!(Key::parse("é".repeat(128)).is_ok());
        assert_eq!(Key::parse("é".repeat(129)), Err(InvalidKey::Long(258)));
    }

    // kv case 6
    #[test]
    fn control_characters_and_decomposed_text_are_invalid_and_ordinary_punctuation_is_not() {
        for bad in ["\0", "a\n", "\u{7f}", "a\u{85}b", "\u{9f}"] {
            assert_eq!(Key::parse(bad), Err(InvalidKey::Control), "{bad:?}");
        }
        assert_eq!(Key::parse("e\u{301}"), Err(InvalidKey::NotNfc));
        for good in ["é", "a/b", "..", "a b", "🦀", "%00", "a:b", "\u{a0}"] {
            assert!(Key::parse(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn text_that_only_the_full_check_can_judge_is_judged_right() {
        // A combining mark with no composed form is NFC although the quick check says maybe.
        assert!(Key::parse("x\u{301}").is_ok());
        assert_eq!(Key::parse("a\u{30a}"), Err(InvalidKey::NotNfc));
    }

    // kv case 22
    #[test]
    fn a_prefix_may_be_empty_and_a_cursor_may_not() {
        assert!(Prefix::parse("").is_ok());
        assert!(Prefix::parse("p".repeat(256)).is_ok());
        assert_eq!(Prefix::parse("p".repeat(257)), Err(InvalidKey::Long(257)));
        assert_eq!(Prefix::parse("p\0"), Err(InvalidKey::Control));
        assert_eq!(Cursor::parse(""), Err(InvalidKey::Empty));
        assert_eq!(Cursor::parse("c\u{1}"), Err(InvalidKey::Control));
    }
}
