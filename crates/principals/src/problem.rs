//! What is wrong with an operator's file, and what would be right.

use std::fmt;

use astrid_host_context::Principal;

/// One thing wrong in a file: the key, what it is, what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Dotted path of the key; `None` for the file as a whole.
    pub key: Option<String>,
    /// What is wrong, lower case.
    pub what: String,
    /// What would be accepted, where that is more than the opposite.
    pub allowed: Option<String>,
}

impl Problem {
    pub(crate) fn file(what: impl fmt::Display) -> Self {
        Self { key: None, what: what.to_string(), allowed: None }
    }

    pub(crate) fn key(key: impl Into<String>, what: impl fmt::Display) -> Self {
        Self { key: Some(key.into()), what: what.to_string(), allowed: None }
    }

    pub(crate) fn allowed(mut self, allowed: impl fmt::Display) -> Self {
        self.allowed = Some(allowed.to_string());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            write!(f, "[{key}] ")?;
        }
        f.write_str(&self.what)?;
        match &self.allowed {
            Some(allowed) => write!(f, "; allowed: {allowed}"),
            None => Ok(()),
        }
    }
}

/// Why a principal cannot be served. The text is stable and may be shown to the caller: it names the
/// file relative to the host's root and no path of the host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// `enabled = false`, or revoked by an operator.
    #[error("principal '{0}' is disabled")]
    Disabled(Principal),
    /// The profile cannot be read or is not valid.
    #[error("profile of '{principal}' is invalid: etc/profiles/{principal}.toml: {problem}")]
    Malformed {
        /// Whose profile.
        principal: Principal,
        /// What is wrong with it.
        problem: Problem,
    },
}
