//! One typed error, and what each WIT version shows of it.

use astrid_host_context::{Failure, Outcome, Refusal};

use crate::{InvalidKey, StoreError};

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The key, prefix or cursor is malformed.
    #[error(transparent)]
    InvalidKey(#[from] InvalidKey),
    /// The value is over [`crate::MAX_VALUE`].
    #[error("the value has {0} bytes; allowed: 0 to 1048576")]
    ValueTooLarge(usize),
    /// More keys match than [`crate::MAX_LISTED`]; a page would take them.
    #[error("more than 1024 keys match; list them in pages")]
    TooManyKeys,
    /// The namespace would hold more than its limits of bytes and keys.
    #[error("the namespace would pass its limit of bytes or keys")]
    Quota,
    /// The stored state is not the expected one.
    #[error("the stored state is not the expected one")]
    CasMismatch,
    /// The backend could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The envelope did not let the call through.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Failure for Error {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(refusal) => refusal.outcome(),
            Self::InvalidKey(_) => Outcome::Failed("invalid-key"),
            Self::ValueTooLarge(_) | Self::TooManyKeys => Outcome::Failed("too-large"),
            Self::Quota => Outcome::Failed("quota"),
            Self::CasMismatch => Outcome::Failed("cas-mismatch"),
            Self::Store(_) => Outcome::Failed("unknown"),
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

    /// `error-code` of `astrid:kv@1.0.0`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum V1_0 {
        /// `invalid-key`
        InvalidKey,
        /// `too-large`
        TooLarge,
        /// `quota`
        Quota,
        /// `cas-mismatch`
        CasMismatch,
        /// `unknown`, always one of the five fixed texts of [`UNKNOWN_TEXTS`].
        Unknown(&'static str),
    }

    const RETIRED: &str = "principal view retired";
    const CANCELLED: &str = "cancelled";
    const UNAVAILABLE: &str = "storage unavailable";
    const CORRUPTED: &str = "storage corrupted";
    const UNAUDITED: &str = "audit unavailable";

    /// Every text that `unknown` may carry.
    pub const UNKNOWN_TEXTS: [&str; 5] = [RETIRED, CANCELLED, UNAVAILABLE, CORRUPTED, UNAUDITED];

    impl From<&Error> for V1_0 {
        fn from(error: &Error) -> Self {
            match error {
                Error::InvalidKey(_) => Self::InvalidKey,
                Error::ValueTooLarge(_) | Error::TooManyKeys => Self::TooLarge,
                Error::Quota | Error::Refused(Refusal::Quota(_)) => Self::Quota,
                Error::CasMismatch => Self::CasMismatch,
                Error::Store(StoreError::Corrupt(_)) => Self::Unknown(CORRUPTED),
                Error::Store(StoreError::Io(_) | StoreError::Closed(_) | StoreError::Format { .. }) => {
                    Self::Unknown(UNAVAILABLE)
                }
                // No function of this package is gated; a kernel that denies one takes the authority away.
                Error::Refused(Refusal::Retired | Refusal::Denied(_)) => Self::Unknown(RETIRED),
                Error::Refused(Refusal::Cancelled | Refusal::DeadlineExceeded) => Self::Unknown(CANCELLED),
                Error::Refused(Refusal::AuditUnavailable) => Self::Unknown(UNAUDITED),
            }
        }
    }
}
