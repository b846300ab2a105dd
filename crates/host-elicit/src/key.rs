//! The name of a value, checked once.

use std::fmt;

/// Longest key in bytes, the contract's figure.
pub const MAX_KEY: usize = 256;

/// Why a text is not a [`Key`]. Holds none of the text: it came from a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// No byte, or more than [`MAX_KEY`].
    #[error("the key has {0} bytes; allowed: 1 to {MAX_KEY}")]
    Length(usize),
    /// Another character; a space is one.
    #[error("the key holds a character that is not allowed; allowed: A-Z a-z 0-9 _ . -")]
    Character,
    /// Such names are the host's own.
    #[error("the key begins with `__`; allowed: any other beginning")]
    Reserved,
}

/// 1 to [`MAX_KEY`] bytes of `[A-Za-z0-9_.-]` that do not begin with `__`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Checks the text.
    ///
    /// # Errors
    /// The first rule of [`InvalidKey`] that it breaks.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidKey> {
        let text = text.into();
        if !(1..=MAX_KEY).contains(&text.len()) {
            return Err(InvalidKey::Length(text.len()));
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')) {
            return Err(InvalidKey::Character);
        }
        if text.starts_with("__") {
            return Err(InvalidKey::Reserved);
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
