//! One typed error, and what each WIT version shows of it.

use astrid_host_context::{Denial, Failure, Outcome, QuotaExceeded, Refusal};

use crate::PathError;
use crate::fault::Fault;

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The text is no path of this package.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The backend could not do it, or a check of this package failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The envelope did not let the call through.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::Refused(denial.into())
    }
}

impl From<QuotaExceeded> for Error {
    fn from(exceeded: QuotaExceeded) -> Self {
        Self::Refused(exceeded.into())
    }
}

impl Failure for Error {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(refusal) => refusal.outcome(),
            Self::Fault(Fault::Denied) => Outcome::Denied("capability-denied"),
            error => Outcome::Failed(arms::V1_0::from(error).word()),
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
    use super::{Error, Fault, PathError, Refusal};
    use crate::fault::Text;

    /// `error-code` of `astrid:fs@1.0.0`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum V1_0 {
        /// `not-found`
        NotFound,
        /// `access`
        Access,
        /// `capability-denied`
        CapabilityDenied,
        /// `boundary-escape`
        BoundaryEscape,
        /// `invalid-path`
        InvalidPath,
        /// `would-block`
        WouldBlock,
        /// `is-directory`
        IsDirectory,
        /// `not-directory`
        NotDirectory,
        /// `not-empty`
        NotEmpty,
        /// `too-large`
        TooLarge,
        /// `quota`
        Quota,
        /// `cross-vfs`
        CrossVfs,
        /// `already-exists`
        AlreadyExists,
        /// `closed`
        Closed,
        /// `unknown`, always one of [`Text::ALL`].
        Unknown(Text),
    }

    impl V1_0 {
        /// The arm's name, for records.
        #[must_use]
        pub fn word(self) -> &'static str {
            match self {
                Self::NotFound => "not-found",
                Self::Access => "access",
                Self::CapabilityDenied => "capability-denied",
                Self::BoundaryEscape => "boundary-escape",
                Self::InvalidPath => "invalid-path",
                Self::WouldBlock => "would-block",
                Self::IsDirectory => "is-directory",
                Self::NotDirectory => "not-directory",
                Self::NotEmpty => "not-empty",
                Self::TooLarge => "too-large",
                Self::Quota => "quota",
                Self::CrossVfs => "cross-vfs",
                Self::AlreadyExists => "already-exists",
                Self::Closed => "closed",
                Self::Unknown(_) => "unknown",
            }
        }
    }

    impl From<&Error> for V1_0 {
        fn from(error: &Error) -> Self {
            match error {
                Error::Path(PathError::Invalid(_)) => Self::InvalidPath,
                Error::Path(PathError::Escape) => Self::BoundaryEscape,
                Error::Fault(fault) => Self::from(*fault),
                // Before the call began, all of these are a lack of authority.
                Error::Refused(Refusal::Retired | Refusal::Cancelled | Refusal::Denied(_)) => {
                    Self::CapabilityDenied
                }
                Error::Refused(Refusal::DeadlineExceeded) => Self::Unknown(Text::Cancelled),
                Error::Refused(Refusal::Quota(_)) => Self::Quota,
                Error::Refused(Refusal::AuditUnavailable) => Self::Unknown(Text::AuditUnavailable),
            }
        }
    }

    impl From<Fault> for V1_0 {
        fn from(fault: Fault) -> Self {
            match fault {
                Fault::NotFound => Self::NotFound,
                Fault::Access => Self::Access,
                Fault::Denied => Self::CapabilityDenied,
                Fault::Escape => Self::BoundaryEscape,
                Fault::InvalidPath => Self::InvalidPath,
                Fault::WouldBlock => Self::WouldBlock,
                Fault::IsDirectory => Self::IsDirectory,
                Fault::NotDirectory => Self::NotDirectory,
                Fault::NotEmpty => Self::NotEmpty,
                Fault::TooLarge => Self::TooLarge,
                Fault::Quota => Self::Quota,
                Fault::CrossVfs => Self::CrossVfs,
                Fault::AlreadyExists => Self::AlreadyExists,
                Fault::Closed => Self::Closed,
                Fault::Unknown(text) => Self::Unknown(text),
            }
        }
    }
}
