//! One typed error, and what each WIT version shows of it.

use astrid_host_context::{Failure, Outcome, Refusal};

use crate::{InvalidText, LinksUnavailable};

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// An argument is not well formed.
    #[error(transparent)]
    InvalidText(#[from] InvalidText),
    /// The id is no UUID.
    #[error("the uplink id is no UUID of at most 64 bytes")]
    MalformedId,
    /// The capsule has an endpoint of this name and platform.
    #[error("an endpoint of this name and platform is registered")]
    Duplicate,
    /// Written as JSON the message is longer than the bus takes.
    #[error("the message is longer than 1048576 bytes when written as JSON")]
    TooLong,
    /// The capsule has as many endpoints as it may.
    #[error("the capsule has {0} endpoints; allowed: {0}")]
    TooManyUplinks(u64),
    /// The operator forbids the profile.
    #[error("the operator forbids the profile {0}")]
    ForbiddenProfile(&'static str),
    /// The capsule has no such endpoint in this load.
    #[error("the capsule has no such endpoint")]
    UnknownUplink,
    /// More messages than the rate.
    #[error("messages come too fast; allowed: {0} a second, twice as many at once")]
    TooFast(u64),
    /// Accepted messages wait and none was published.
    #[error("the capsule's queue of inbound messages is full")]
    QueueFull,
    /// The capsule is being unloaded.
    #[error("the capsule is being unloaded")]
    Unloaded,
    /// Nobody knows whom the account speaks for.
    #[error(transparent)]
    Links(#[from] LinksUnavailable),
    /// The call ended while it waited for the identity store. Nothing was queued.
    #[error("interrupted: {0}")]
    Interrupted(Refusal),
    /// The envelope did not let the call through.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<astrid_host_context::Denial> for Error {
    fn from(denial: astrid_host_context::Denial) -> Self {
        Self::Refused(denial.into())
    }
}

impl Failure for Error {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(refusal) | Self::Interrupted(refusal) => refusal.outcome(),
            Self::Unloaded => Outcome::Cancelled("cancelled"),
            Self::InvalidText(_) | Self::MalformedId | Self::Duplicate | Self::TooLong => {
                Outcome::Failed("invalid-input")
            }
            Self::ForbiddenProfile(_) => Outcome::Denied("invalid-profile"),
            Self::UnknownUplink => Outcome::Failed("unknown-uplink"),
            Self::TooManyUplinks(_) | Self::TooFast(_) | Self::QueueFull => Outcome::Failed("quota"),
            Self::Links(_) => Outcome::Failed("unknown"),
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

    /// `error-code` of `astrid:uplink@1.0.0`. `no-session` is reserved and never answered.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum V1_0 {
        /// `capability-denied`
        CapabilityDenied,
        /// `invalid-input`
        InvalidInput,
        /// `invalid-profile`
        InvalidProfile,
        /// `unknown-uplink`
        UnknownUplink,
        /// `quota`
        Quota,
        /// `unknown`, always one of three fixed texts.
        Unknown(&'static str),
    }

    const CANCELLED: &str = "cancelled";
    const UNAVAILABLE: &str = "identity store unavailable";
    const UNAUDITED: &str = "audit unavailable";

    impl From<&Error> for V1_0 {
        fn from(error: &Error) -> Self {
            match error {
                Error::InvalidText(_) | Error::MalformedId | Error::Duplicate | Error::TooLong => {
                    Self::InvalidInput
                }
                Error::ForbiddenProfile(_) => Self::InvalidProfile,
                Error::UnknownUplink => Self::UnknownUplink,
                Error::TooManyUplinks(_) | Error::TooFast(_) | Error::QueueFull => Self::Quota,
                Error::Refused(Refusal::Quota(_)) => Self::Quota,
                Error::Unloaded | Error::Interrupted(_) => Self::Unknown(CANCELLED),
                Error::Links(_) => Self::Unknown(UNAVAILABLE),
                // An invocation that is over before the call begins has no authority left.
                Error::Refused(Refusal::Denied(_) | Refusal::Retired | Refusal::Cancelled) => {
                    Self::CapabilityDenied
                }
                Error::Refused(Refusal::DeadlineExceeded) => Self::Unknown(CANCELLED),
                Error::Refused(Refusal::AuditUnavailable) => Self::Unknown(UNAUDITED),
            }
        }
    }
}
