//! The secret that says "a process of this user, on this machine, since this start".

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// 256 random bits as 64 lower-case hex digits, new at every start of the host.
pub struct SessionToken(Zeroizing<String>);

impl SessionToken {
    /// Draws a token from the operating system.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn generate() -> io::Result<Self> {
        random_hex().map(|hex| Self(Zeroizing::new(hex)))
    }

    /// Puts the token where local clients look for it: a file only this user may read, in place at
    /// once or not at all. Blocks; for the start of a host.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn write_to(&self, path: &Path) -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(self.0.as_bytes())?;
        file.persist(path)?;
        Ok(())
    }

    /// Whether `given` is this token, in a time that says nothing about where they differ.
    #[must_use]
    pub fn matches(&self, given: &str) -> bool {
        bool::from(self.0.as_bytes().ct_eq(given.as_bytes()))
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

/// 32 random bytes as hex.
pub(crate) fn random_hex() -> io::Result<String> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut *bytes).map_err(io::Error::other)?;
    Ok(hex::encode(*bytes))
}
