//! What guests pass, checked once.

use std::fmt;

/// Longest name, in characters after trimming.
pub const MAX_NAME_CHARS: usize = 128;
/// Longest platform, the same key space as the identity store's.
pub const MAX_PLATFORM: usize = 64;
/// Longest account id of a platform, in bytes.
pub const MAX_PLATFORM_USER: usize = 256;
/// Longest message, in bytes.
pub const MAX_CONTENT: usize = 262_144;

/// An argument that is not well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{argument} {problem}")]
pub struct InvalidText {
    argument: &'static str,
    problem: &'static str,
}

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
    /// The outside platform: trimmed, in lower case, `[a-z0-9][a-z0-9._-]{0,63}`.
    Platform
    /// An account on the platform: 1 to [`MAX_PLATFORM_USER`] bytes, opaque, never blank.
    PlatformUser
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
        Err(InvalidText { argument: "name", problem })
    }
}

impl Platform {
    /// Trims, lowers and checks.
    ///
    /// # Errors
    /// Anything but the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let text = text.trim().to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let first = text.bytes().next().is_some_and(plain);
        if first && text.len() <= MAX_PLATFORM && text.bytes().all(|b| plain(b) || b"._-".contains(&b)) {
            return Ok(Self(text));
        }
        Err(InvalidText {
            argument: "platform",
            problem: "is no platform; allowed: [a-z0-9][a-z0-9._-]{0,63}",
        })
    }
}

impl PlatformUser {
    /// Checks and keeps every character.
    ///
    /// # Errors
    /// Blank, too long, or with a character that could forge what an operator reads.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let problem = if text.len() > MAX_PLATFORM_USER {
            "has more than 256 bytes"
        } else if text.trim().is_empty() {
            "is blank"
        } else if text.contains(is_forging) {
            "has a control character"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(InvalidText { argument: "platform-user-id", problem })
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
        Err(InvalidText { argument: "content", problem })
    }
}

/// Control characters, and the marks that make text read in another order than it is written.
fn is_forging(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
