//! One typed error, and what each WIT version shows of it.

use astrid_host_context::{Failure, Outcome, QuotaExceeded, Refusal};

use crate::{GrantsUnavailable, InvalidText};

/// Why there is no decision.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// What is asked for is not well formed.
    #[error(transparent)]
    Invalid(#[from] InvalidText),
    /// As many questions wait, or were put, as may.
    #[error("too many pending approvals: {0}")]
    TooMany(#[from] QuotaExceeded),
    /// Nobody answered in time.
    #[error("nobody answered")]
    Timeout,
    /// The question reached nobody.
    #[error("the question could not be put: {0}")]
    NotPut(String),
    /// Remembered consent was not read or written.
    #[error(transparent)]
    Grants(#[from] GrantsUnavailable),
    /// The call ended while it waited, or before what was answered took effect.
    #[error("interrupted: {0}")]
    Interrupted(Refusal),
    /// The envelope did not let the call through.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An answer that does not count; of records alone.
    #[error("an answer does not count: {0}")]
    Rejected(&'static str),
}

impl Error {
    /// How a record says what decided.
    pub(crate) fn via(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Interrupted(_) => "cancelled",
            Self::Invalid(_)
            | Self::TooMany(_)
            | Self::NotPut(_)
            | Self::Grants(_)
            | Self::Refused(_)
            | Self::Rejected(_) => "error",
        }
    }
}

impl Failure for Error {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Invalid(_) => Outcome::Failed("invalid-input"),
            Self::TooMany(_) => Outcome::Denied("quota"),
            Self::Timeout => Outcome::Failed("timeout"),
            Self::NotPut(_) => Outcome::Failed("unknown"),
            Self::Grants(_) => Outcome::Failed("store-unavailable"),
            Self::Rejected(_) => Outcome::Denied("rejected"),
            Self::Refused(refusal) | Self::Interrupted(refusal) => refusal.outcome(),
        }
    }

    fn operator_detail(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.operator_detail(),
            other => Some(other.to_string()),
        }
    }
}

/// What guests see: one small enum a WIT version, so that a new [`Error`] is decided on here.
pub mod arms {
    use super::{Error, Refusal};

    /// `error-code` of `astrid:approval@1.0.0`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum V1_0 {
        /// `invalid-input`
        InvalidInput,
        /// `timeout`
        Timeout,
        /// `store-unavailable`
        StoreUnavailable,
        /// `unknown`, always one of a few fixed texts.
        Unknown(&'static str),
    }

    impl From<&Error> for V1_0 {
        fn from(error: &Error) -> Self {
            match error {
                Error::Invalid(_) => Self::InvalidInput,
                Error::Grants(_) => Self::StoreUnavailable,
                Error::TooMany(_) | Error::Refused(Refusal::Quota(_)) => {
                    Self::Unknown("too many pending approvals")
                }
                // The contract has no arm for a wait that somebody else ended.
                Error::Timeout
                | Error::Interrupted(_)
                | Error::Refused(Refusal::Retired | Refusal::Cancelled | Refusal::DeadlineExceeded) => {
                    Self::Timeout
                }
                Error::NotPut(_) | Error::Rejected(_) => Self::Unknown("the request could not be put"),
                Error::Refused(Refusal::AuditUnavailable) => Self::Unknown("audit unavailable"),
                // Nothing is asked of the policy here.
                Error::Refused(Refusal::Denied(_)) => Self::Unknown("denied"),
            }
        }
    }
}
