//! Accounts of people on outside platforms, as guests name them. One key space for those who bring messages in and
//! those who link accounts.

use std::fmt;

use crate::text::{InvalidText, is_forging};

/// Longest platform, in bytes.
pub const MAX_PLATFORM: usize = 64;
/// Longest account id of a platform, in bytes.
pub const MAX_PLATFORM_USER: usize = 256;

/// An outside platform: trimmed, in lower case, `[a-z0-9][a-z0-9._-]{0,63}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform(String);

/// An account on a platform: 1 to [`MAX_PLATFORM_USER`] bytes, opaque, never blank.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlatformUser(String);

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
        Err(InvalidText::new("platform", "is no platform; allowed: [a-z0-9][a-z0-9._-]{0,63}"))
    }

    /// The checked text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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
        Err(InvalidText::new("platform-user-id", problem))
    }

    /// The checked text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PlatformUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
