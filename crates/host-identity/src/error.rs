//! One typed error, and what each WIT version shows of it.

use astrid_host_context::{Denial, Failure, InvalidText, Outcome, Refusal};

use crate::StoreError;

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// An argument is not well formed.
    #[error(transparent)]
    InvalidInput(#[from] InvalidText),
    /// The user's principal is protected, or the operator's rule protects everybody's.
    #[error("the user's links are protected; allowed: calls of the principal itself, proven, or \"admin\"")]
    Protected,
    /// More calls than the rate.
    #[error("calls come too fast; allowed: {0} a second, twice as many at once")]
    TooFast(u64),
    /// The account is not linked, or to nobody.
    #[error("the account is not linked")]
    NotLinked,
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory of principals did not answer in time.
    #[error("what is known of principals could not be read in time")]
    Directory,
    /// Every principal that was tried for a new user is taken.
    #[error("no free principal was found for the new user")]
    NoPrincipal,
    /// The envelope did not let the call through, or it ended before anything was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::Refused(denial.into())
    }
}

impl Failure for Error {
    fn outcome(&self) -> Outcome {
        match self {
            Self::InvalidInput(_) => Outcome::Failed("invalid-input"),
            Self::Protected => Outcome::Denied("protected"),
            Self::TooFast(_) => Outcome::Denied("rate"),
            Self::NotLinked => Outcome::Failed("link-not-found"),
            Self::Directory | Self::NoPrincipal => Outcome::Failed("store-unavailable"),
            Self::Store(error) => match error {
                StoreError::NoUser => Outcome::Failed("user-not-found"),
                StoreError::NoLink => Outcome::Failed("link-not-found"),
                StoreError::AlreadyLinked => Outcome::Failed("already-linked"),
                StoreError::TooManyLinks(_) => Outcome::Denied("quota"),
                StoreError::Withdrawn => Outcome::Cancelled("cancelled"),
                StoreError::Closed(_)
                | StoreError::Io(_)
                | StoreError::Corrupt(_)
                | StoreError::TooSlow
                | StoreError::InDoubt
                | StoreError::OtherOwner
                | StoreError::PrincipalTaken => Outcome::Failed("store-unavailable"),
            },
            Self::Refused(refusal) => refusal.outcome(),
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
    use super::{Error, Refusal, StoreError};

    /// `error-code` of `astrid:identity@1.0.0`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum V1_0 {
        /// `capability-denied`
        CapabilityDenied,
        /// `invalid-input`
        InvalidInput,
        /// `user-not-found`
        UserNotFound,
        /// `link-not-found`
        LinkNotFound,
        /// `already-linked`
        AlreadyLinked,
        /// `store-unavailable`
        StoreUnavailable,
        /// `unknown`, always one of four fixed texts.
        Unknown(&'static str),
    }

    const CANCELLED: &str = "cancelled";
    const TOO_FAST: &str = "rate limited";
    const TOO_MANY: &str = "link limit reached";
    const UNAUDITED: &str = "audit unavailable";

    impl From<&Error> for V1_0 {
        fn from(error: &Error) -> Self {
            match error {
                Error::InvalidInput(_) => Self::InvalidInput,
                Error::Protected => Self::CapabilityDenied,
                Error::TooFast(_) => Self::Unknown(TOO_FAST),
                Error::NotLinked => Self::LinkNotFound,
                Error::Directory | Error::NoPrincipal => Self::StoreUnavailable,
                Error::Store(error) => Self::of_store(error),
                // A retired invocation has no authority left.
                Error::Refused(Refusal::Denied(_) | Refusal::Retired) => Self::CapabilityDenied,
                Error::Refused(Refusal::Cancelled | Refusal::DeadlineExceeded) => Self::Unknown(CANCELLED),
                // Nothing here draws on a budget that could be used up.
                Error::Refused(Refusal::Quota(_)) => Self::Unknown(TOO_FAST),
                Error::Refused(Refusal::AuditUnavailable) => Self::Unknown(UNAUDITED),
            }
        }
    }

    impl V1_0 {
        fn of_store(error: &StoreError) -> Self {
            match error {
                StoreError::NoUser => Self::UserNotFound,
                StoreError::NoLink => Self::LinkNotFound,
                StoreError::AlreadyLinked => Self::AlreadyLinked,
                StoreError::TooManyLinks(_) => Self::Unknown(TOO_MANY),
                StoreError::Withdrawn => Self::Unknown(CANCELLED),
                StoreError::Closed(_)
                | StoreError::Io(_)
                | StoreError::Corrupt(_)
                | StoreError::TooSlow
                | StoreError::InDoubt
                | StoreError::OtherOwner
                | StoreError::PrincipalTaken => Self::StoreUnavailable,
            }
        }
    }
}
