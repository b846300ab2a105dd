//! What guests pass, checked once.

use std::fmt;

use astrid_host_context::InvalidText;
use astrid_host_context::text::is_forging;

/// Longest name, in characters after trimming.
pub const MAX_NAME_CHARS: usize = 128;
/// Longest message, in bytes.
pub const MAX_CONTENT: usize = 262_144;

macro_rules! text {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The checked text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

text! {
    /// What an endpoint is called: trimmed, 1 to [`MAX_NAME_CHARS`] characters, case kept.
    Name
    /// A message: 1 to [`MAX_CONTENT`] bytes, never blank, since an empty turn means "cancel" to front ends.
    Content
}

impl Name {
    /// Trims and checks.
    ///
    /// # Errors
    /// Blank, too long, or with a character that could forge what an operator reads.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let text = text.trim();
        let problem = match text.chars().count() {
            0 => "is blank",
            1..=MAX_NAME_CHARS if text.contains(is_forging) => "has a control character",
            1..=MAX_NAME_CHARS => return Ok(Self(text.to_owned())),
            _ => "has more than 128 characters",
        };
        Err(InvalidText::new("name", problem))
    }
}

impl Content {
    /// Checks and keeps every character.
    ///
    /// # Errors
    /// Blank, too long, or with a NUL.
    pub fn parse(text: String) -> Result<Self, InvalidText> {
        let problem = if text.len() > MAX_CONTENT {
            "has more than 262144 bytes"
        } else if text.trim().is_empty() {
            "is blank"
        } else if text.contains('\0') {
            "has a NUL"
        } else {
            return Ok(Self(text));
        };
        Err(InvalidText::new("content", problem))
    }
}
