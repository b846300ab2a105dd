//! Remembered consent.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use astrid_host_context::{CapsuleId, Principal, Uuid};

use crate::Pattern;

/// Which project a capsule works on: the stable place of its root, however it is mounted. Opaque here, and
/// never shown to guests.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Workspace(Arc<str>);

impl Workspace {
    /// The project with this identity. Kernels give a path, or anything else that names one project alone.
    #[must_use]
    pub fn new(identity: &str) -> Self {
        Self(identity.into())
    }

    /// The identity.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose consent it is, to whom, and where. Consent crosses none of the three.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holder {
    /// Who consented.
    pub principal: Principal,
    /// The capsule that may.
    pub capsule: CapsuleId,
    /// The project in which it may.
    pub workspace: Workspace,
}

/// How long consent is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lasting {
    /// While its principal is connected, at most until the host ends.
    Session,
    /// Until it expires or an operator revokes it.
    Always,
}

impl Lasting {
    /// The word of records and lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Always => "always",
        }
    }
}

/// Consent that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// Its number.
    pub id: Uuid,
    /// Whose, to whom, where.
    pub holder: Holder,
    /// To what.
    pub pattern: Pattern,
    /// How long.
    pub lasting: Lasting,
    /// Since when.
    pub created: SystemTime,
    /// From then on it does not count.
    pub expires: Option<SystemTime>,
    /// How often it still counts; `None` for always.
    pub uses: Option<u64>,
    /// The question it answered; `None` for an operator's.
    pub request: Option<Uuid>,
}

impl Allowance {
    /// One that lasts without end and counts however often.
    #[must_use]
    pub fn new(holder: Holder, pattern: Pattern, lasting: Lasting) -> Self {
        Self {
            id: uuid::Uuid::new_v4().into(),
            holder,
            pattern,
            lasting,
            created: SystemTime::now(),
            expires: None,
            uses: None,
            request: None,
        }
    }

    /// Whether it has expired by `now`.
    #[must_use]
    pub fn is_over(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether `other` says the same again: a newer one takes its place.
    #[must_use]
    pub fn is_again(&self, other: &Self) -> bool {
        self.holder == other.holder && self.pattern == other.pattern
    }
}
