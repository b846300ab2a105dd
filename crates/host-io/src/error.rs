//! Everything an io function can answer besides success, and what each frozen face makes of it.

use astrid_host_context::{Failure, Outcome, QuotaExceeded, Refusal};
use wasmtime::component::ResourceTableError;

use crate::{IoError, Phrase, Stopped, StreamFailure};

/// Why an io function did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `poll` without members.
    #[error("the list of pollables is empty; give at least one")]
    EmptyList,
    /// `poll` with too many members.
    #[error("{given} pollables are too many for one poll; at most {cap}")]
    TooMany {
        /// Members given.
        given: usize,
        /// Members allowed.
        cap: usize,
    },
    /// The source, stream or handle is closed.
    #[error("closed")]
    Closed,
    /// A wait without a stream was ended by the host.
    #[error(transparent)]
    Stopped(Stopped),
    /// A stream's operation failed; reported once.
    #[error("{0}")]
    Failed(IoError),
    /// Contract trap: more was written than the last `check-write` allowed.
    #[error(
        "write of {len} bytes exceeds the permit of {permit}; call check-write first and write at most what it returns"
    )]
    Overdrawn {
        /// Bytes given.
        len: u64,
        /// What was left of the permit.
        permit: usize,
    },
    /// Contract trap: a budget is used up where the function has no error arm.
    #[error(transparent)]
    Quota(#[from] QuotaExceeded),
    /// Contract trap: the table refused, such as for a stream that still has pollables.
    #[error(transparent)]
    Table(#[from] ResourceTableError),
    /// The policy or the audit sink refused; no function of this package asks either.
    #[error(transparent)]
    Refused(Refusal),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Retired | Refusal::Cancelled => Self::Stopped(Stopped::Cancelled),
            Refusal::DeadlineExceeded => Self::Stopped(Stopped::Deadline),
            Refusal::Quota(exceeded) => Self::Quota(exceeded),
            refused @ (Refusal::Denied(_) | Refusal::AuditUnavailable) => Self::Refused(refused),
        }
    }
}

impl From<StreamFailure> for Error {
    fn from(failure: StreamFailure) -> Self {
        match failure {
            StreamFailure::Closed => Self::Closed,
            StreamFailure::Failed(cause) => Self::Failed(cause),
        }
    }
}

impl Failure for Error {
    fn outcome(&self) -> Outcome {
        match self {
            Self::EmptyList => Outcome::Failed("invalid-input"),
            Self::TooMany { .. } => Outcome::Failed("too-large"),
            Self::Closed => Outcome::Failed("closed"),
            Self::Stopped(Stopped::Cancelled) => Outcome::Cancelled("cancelled"),
            Self::Stopped(Stopped::Deadline) => Outcome::Cancelled("deadline"),
            Self::Failed(cause) => match cause.phrase() {
                Phrase::Cancelled => Outcome::Cancelled("cancelled"),
                Phrase::Deadline => Outcome::Cancelled("deadline"),
                _ => Outcome::Failed("last-operation-failed"),
            },
            Self::Overdrawn { .. } | Self::Table(_) => Outcome::Failed("trap"),
            Self::Quota(_) => Outcome::Denied("quota"),
            Self::Refused(refusal) => refusal.outcome(),
        }
    }

    fn operator_detail(&self) -> Option<String> {
        Some(match self {
            Self::Closed => return None,
            Self::Failed(cause) => cause.cause().to_string(),
            other => other.to_string(),
        })
    }
}

/// What the frozen faces can say, one exhaustive enum a face.
pub mod arms {
    use super::Error;
    use crate::{IoError, Phrase, Stopped};

    /// `astrid:io/poll@1.0.0`'s `error-code`.
    #[derive(Debug)]
    pub enum Poll1_0 {
        /// `invalid-input`
        InvalidInput,
        /// `closed`
        Closed,
        /// `too-large`
        TooLarge,
        /// `cancelled`
        Cancelled,
        /// `unknown`, with one of the closed list's phrases.
        Unknown(&'static str),
        /// The contract has no arm: the guest traps.
        Trap(Error),
    }

    impl From<Error> for Poll1_0 {
        fn from(error: Error) -> Self {
            match error {
                Error::EmptyList => Self::InvalidInput,
                Error::TooMany { .. } => Self::TooLarge,
                Error::Closed => Self::Closed,
                Error::Stopped(Stopped::Cancelled | Stopped::Deadline) => Self::Cancelled,
                Error::Failed(cause) => Self::Unknown(cause.phrase().as_str()),
                Error::Refused(_) => Self::Unknown(Phrase::Other.as_str()),
                trap @ (Error::Overdrawn { .. } | Error::Quota(_) | Error::Table(_)) => Self::Trap(trap),
            }
        }
    }

    /// `astrid:io/streams@1.0.0`'s `stream-error`.
    #[derive(Debug)]
    pub enum Stream1_0 {
        /// `last-operation-failed`
        LastOperationFailed(IoError),
        /// `closed`
        Closed,
        /// The contract has no arm: the guest traps.
        Trap(Error),
    }

    impl From<Error> for Stream1_0 {
        fn from(error: Error) -> Self {
            match error {
                Error::Closed => Self::Closed,
                Error::Failed(cause) => Self::LastOperationFailed(cause),
                Error::Stopped(stopped) => Self::LastOperationFailed(IoError::new(stopped)),
                Error::Refused(refusal) => Self::LastOperationFailed(IoError::new(refusal)),
                trap @ (Error::EmptyList
                | Error::TooMany { .. }
                | Error::Overdrawn { .. }
                | Error::Quota(_)
                | Error::Table(_)) => Self::Trap(trap),
            }
        }
    }
}
