//! Why the envelope did not let a call through, and how domain errors describe themselves to it.

use crate::{Denial, Outcome, QuotaExceeded};

/// The envelope's own refusals. Each domain maps them onto the arms of its WIT package in one
/// exhaustive match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The principal's authority is gone.
    #[error("the principal's authority is gone")]
    Retired,
    /// The capsule is unloading or the call was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The invocation's time is up.
    #[error("the invocation's deadline has passed")]
    DeadlineExceeded,
    /// The policy said no.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// A budget is used up.
    #[error(transparent)]
    Quota(#[from] QuotaExceeded),
    /// The function must not run unrecorded, and the sink cannot take the record.
    #[error("the audit sink refuses records")]
    AuditUnavailable,
}

impl Refusal {
    /// How an audit record names this end.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Retired => Outcome::Denied("retired"),
            Self::Denied(_) => Outcome::Denied("policy"),
            Self::Quota(_) => Outcome::Denied("quota"),
            Self::AuditUnavailable => Outcome::Denied("audit-unavailable"),
            Self::Cancelled => Outcome::Cancelled("cancelled"),
            Self::DeadlineExceeded => Outcome::Cancelled("deadline"),
        }
    }
}

/// A domain's typed error, as the envelope needs it.
pub trait Failure: From<Refusal> {
    /// What the audit record says. Classes are short constants, the names of WIT arms; never a path,
    /// an address or other input.
    fn outcome(&self) -> Outcome;

    /// What only operators may read: the denial's reason and what would allow it.
    fn operator_detail(&self) -> Option<String> {
        None
    }
}

impl Failure for Refusal {
    fn outcome(&self) -> Outcome {
        Self::outcome(self)
    }

    fn operator_detail(&self) -> Option<String> {
        match self {
            Self::Denied(Denial { reason, allowed_by: Some(setting) }) => {
                Some(format!("{reason}; allowed by {setting}"))
            }
            other => Some(other.to_string()),
        }
    }
}
