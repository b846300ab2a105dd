//! The two names every decision is made about, parsed once and cheap to clone.

use std::fmt;
use std::sync::Arc;

/// Longest accepted principal or capsule name, in bytes. The ABI bounds principals to 64 so that a
/// name fits any file system as one path component; capsule ids share the bound (manifest chapter §3).
pub const MAX_NAME: usize = 64;

/// Why a string is not a [`Principal`] or a [`CapsuleId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {value:?} is not valid; allowed: 1 to 64 characters of {charset}")]
pub struct InvalidIdentity {
    kind: &'static str,
    value: String,
    charset: &'static str,
}

/// Whose data, quota and authority a call uses: 1 to 64 characters of `[A-Za-z0-9_-]`.
///
/// The grammar keeps `{principal}:capsule:{id}` unambiguous and every principal a plain path component.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal(Arc<str>);

impl Principal {
    /// Checks the grammar.
    ///
    /// # Errors
    /// [`InvalidIdentity`] for an empty or over-long name or any other character. Callers must treat
    /// the error as "no authority", never as somebody else.
    pub fn parse(name: &str) -> Result<Self, InvalidIdentity> {
        check("principal", name, "A-Z a-z 0-9 _ -", |b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')?;
        Ok(Self(name.into()))
    }

    /// The reserved name of unauthenticated callers. It owns nothing: no home, no secrets, no data of anyone.
    #[must_use]
    pub fn anonymous() -> Self {
        Self("anonymous".into())
    }

    /// True for the reserved name [`Principal::anonymous`].
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.as_str() == "anonymous"
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which capsule acts: 1 to 64 characters of `[a-z0-9-]`, the `package.name` of its manifest.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CapsuleId(Arc<str>);

impl CapsuleId {
    /// Checks the grammar.
    ///
    /// # Errors
    /// [`InvalidIdentity`] for an empty or over-long name or any other character.
    pub fn parse(name: &str) -> Result<Self, InvalidIdentity> {
        check("capsule id", name, "a-z 0-9 -", |b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
        })?;
        Ok(Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(
    kind: &'static str,
    value: &str,
    charset: &'static str,
    allowed: fn(u8) -> bool,
) -> Result<(), InvalidIdentity> {
    if (1..=MAX_NAME).contains(&value.len()) && value.bytes().all(allowed) {
        return Ok(());
    }
    // Cut so that a hostile name cannot fill a log line.
    let value = value.chars().take(MAX_NAME).collect();
    Err(InvalidIdentity { kind, value, charset })
}

macro_rules! text {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }
        impl std::str::FromStr for $name {
            type Err = InvalidIdentity;
            fn from_str(s: &str) -> Result<Self, InvalidIdentity> {
                Self::parse(s)
            }
        }
    )*};
}
text!(Principal CapsuleId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_one_to_64_word_characters() {
        for good in ["a", "Alice_1", "a-b", &"x".repeat(64)] {
            assert_eq!(Principal::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "../x", "ali ce", "é", "a:b", "a\0", &"x".repeat(65)] {
            assert!(Principal::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_capsule_id_is_lower_case() {
        assert!(CapsuleId::parse("my-cap2").is_ok());
        assert!(CapsuleId::parse("My_Cap").is_err());
    }

    #[test]
    fn a_hostile_name_is_cut_in_the_error() {
        let error = Principal::parse(&"é".repeat(10_000)).unwrap_err();
        assert!(error.to_string().len() < 300);
    }
}
