//! One typed error, and what each WIT version shows of it.

use astrid_host_context::{Failure, Outcome, Refusal};

use crate::{InvalidKey, InvalidText, SecretsUnavailable};

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Neither `astrid-install` nor `astrid-upgrade` runs, nor may this call ask otherwise.
    #[error("the capsule is not being installed or upgraded; allowed by elicit.runtime = \"interactive\"")]
    NotInLifecycle,
    /// The key is not well formed.
    #[error(transparent)]
    InvalidKey(#[from] InvalidKey),
    /// Something else of the question is not.
    #[error(transparent)]
    InvalidText(#[from] InvalidText),
    /// The call is made for nobody, so nobody can be asked.
    #[error("the call has no principal; allowed: calls on behalf of one")]
    NoPrincipal,
    /// As many questions wait as may.
    #[error("too many pending prompts; allowed: {0}")]
    TooManyPending(u64),
    /// Nobody answered in time.
    #[error("nobody answered")]
    Timeout,
    /// The person declined.
    #[error("the person declined")]
    Declined,
    /// Whoever was asked is gone.
    #[error("whoever was asked is gone")]
    Withdrawn,
    /// The question reached nobody.
    #[error("the question could not be put: {0}")]
    NotPut(String),
    /// The answer does not fit the question.
    #[error("the answer does not fit the question")]
    InvalidAnswer,
    /// The secret store did not answer, or said no.
    #[error(transparent)]
    Secrets(#[from] SecretsUnavailable),
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
    /// How a record says that the question ended.
    pub(crate) fn resolution(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::InvalidAnswer | Self::InvalidKey(_) | Self::InvalidText(_) => "invalid",
            Self::Secrets(_) => "store error",
            Self::NotPut(_) => "not put",
            Self::Declined
            | Self::Withdrawn
            | Self::Interrupted(_)
            | Self::Refused(_)
            | Self::NotInLifecycle
            | Self::NoPrincipal
            | Self::TooManyPending(_)
            | Self::Rejected(_) => "cancelled",
        }
    }
}

impl Failure for Error {
    fn outcome(&self) -> Outcome {
        match self {
            Self::NotInLifecycle => Outcome::Denied("not-in-lifecycle"),
            Self::InvalidKey(_) | Self::InvalidText(_) | Self::InvalidAnswer => {
                Outcome::Failed("invalid-input")
            }
            Self::NoPrincipal | Self::NotPut(_) => Outcome::Failed("unknown"),
            Self::TooManyPending(_) => Outcome::Denied("quota"),
            Self::Timeout => Outcome::Failed("timeout"),
            Self::Declined | Self::Withdrawn => Outcome::Cancelled("cancelled"),
            Self::Secrets(_) => Outcome::Failed("store-unavailable"),
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

    /// `error-code` of `astrid:elicit@1.0.0`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum V1_0 {
        /// `not-in-lifecycle`
        NotInLifecycle,
        /// `timeout`
        Timeout,
        /// `cancelled`
        Cancelled,
        /// `invalid-input`
        InvalidInput,
        /// `store-unavailable`
        StoreUnavailable,
        /// `unknown`, always one of a few fixed texts.
        Unknown(&'static str),
    }

    impl From<&Error> for V1_0 {
        fn from(error: &Error) -> Self {
            match error {
                Error::NotInLifecycle => Self::NotInLifecycle,
                Error::InvalidKey(_) | Error::InvalidText(_) | Error::InvalidAnswer => Self::InvalidInput,
                Error::Timeout => Self::Timeout,
                Error::Declined | Error::Withdrawn | Error::Interrupted(_) => Self::Cancelled,
                Error::Secrets(_) => Self::StoreUnavailable,
                Error::TooManyPending(_) | Error::Refused(Refusal::Quota(_)) => {
                    Self::Unknown("too many pending prompts")
                }
                Error::NoPrincipal => Self::Unknown("no principal to ask"),
                Error::NotPut(_) | Error::Rejected(_) => Self::Unknown("the question could not be put"),
                Error::Refused(Refusal::Retired | Refusal::Cancelled | Refusal::DeadlineExceeded) => {
                    Self::Cancelled
                }
                // Neither is asked about here; the contract has no arm of its own for them.
                Error::Refused(Refusal::Denied(_)) => Self::Unknown("denied"),
                Error::Refused(Refusal::AuditUnavailable) => Self::Unknown("audit unavailable"),
            }
        }
    }
}
