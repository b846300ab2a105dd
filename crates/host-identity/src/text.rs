//! What guests pass, checked once.

use std::fmt;

use astrid_host_context::text::is_forging;
use astrid_host_context::{InvalidText, Uuid};

/// Longest method, in characters.
pub const MAX_METHOD: usize = 64;
/// Longest display name, in characters after trimming: what a list of people still shows in one line.
pub const MAX_DISPLAY_NAME: usize = 128;

/// A user of the host: a UUID, written in lower case with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId(Uuid);

/// How a link was proven: `passkey`, `token`, `chat_command`, `system` and the like; trimmed, in lower case,
/// 1 to [`MAX_METHOD`] of `[a-z0-9_.-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Method(String);

/// A name for people to read: trimmed, 1 to [`MAX_DISPLAY_NAME`] characters, not unique, never a key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DisplayName(String);

impl UserId {
    /// Takes any text form of a UUID.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let parsed = uuid::Uuid::parse_str(text);
        let id = parsed.map_err(|_| InvalidText::new("astrid-user-id", "is no UUID"))?;
        Ok(Self(id.into()))
    }

    /// A fresh random one.
    #[must_use]
    pub fn mint() -> Self {
        Self(uuid::Uuid::new_v4().into())
    }

    /// The user with this id, for stores.
    #[must_use]
    pub const fn of(id: Uuid) -> Self {
        Self(id)
    }

    /// The id itself.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// Its first eight digits, for names that must differ.
    pub(crate) fn short(self) -> String {
        format!("{:08x}", self.0.as_u128() >> 96)
    }
}

impl Method {
    /// Trims, lowers and checks.
    ///
    /// # Errors
    /// Anything but the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let text = text.trim().to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
        if (1..=MAX_METHOD).contains(&text.len()) && text.bytes().all(plain) {
            return Ok(Self(text));
        }
        Err(InvalidText::new("method", "is not valid; allowed: 1 to 64 characters of a-z 0-9 _ . -"))
    }

    /// The checked text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DisplayName {
    /// Checks and trims.
    ///
    /// # Errors
    /// Blank, too long, or with a character that could forge what a person reads.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let trimmed = text.trim();
        let problem = if text.contains(is_forging) {
            "has a control character"
        } else if trimmed.is_empty() {
            "is blank"
        } else if trimmed.chars().count() > MAX_DISPLAY_NAME {
            "has more than 128 characters"
        } else {
            return Ok(Self(trimmed.to_owned()));
        };
        Err(InvalidText::new("display-name", problem))
    }

    /// The checked text. Untrusted: for showing, and for nothing else.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({})", self.0)
    }
}

impl fmt::Debug for DisplayName {
    /// Logs are not where names go.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DisplayName(..)")
    }
}
