//! One typed error, and what each WIT version shows of it.

use astrid_host_context::{Denial, Failure, Outcome, QuotaExceeded, Refusal};
use wasmtime::component::ResourceTableError;

use crate::{LaunchError, Unconfined};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The envelope's own refusal.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The handle was made for another principal.
    #[error("the handle belongs to another principal; allowed: calls for the one it was made for")]
    ForeignHandle,
    /// An argument is not well formed: which, and what would be.
    #[error("{0}")]
    Invalid(&'static str),
    /// The working directory leaves its root.
    #[error("the working directory is outside the workspace and the home")]
    Escape,
    /// Too many children or handles.
    #[error("{what} is limited to {limit}")]
    TooMany {
        /// The budget's name.
        what: &'static str,
        /// The limit in force.
        limit: u64,
    },
    /// More bytes than allowed.
    #[error("{what} is too large; allowed: {limit} bytes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The most there may be.
        limit: u64,
    },
    /// More injected files than allowed.
    #[error("too many injected files; allowed: {0}")]
    TooManyInjections(usize),
    /// The child has ended, its input is closed, or its id was removed.
    #[error("the child has ended or its input is closed")]
    Closed,
    /// The call was cancelled from outside: a tool's cancellation, the capsule's or the host's end.
    #[error("cancelled")]
    Stopped,
    /// The child did not end in time.
    #[error("the child has not ended in the time given")]
    WaitTimeout,
    /// The caller has no process of this id, or the cursor is not one of it.
    #[error("no such process")]
    NoSuchProcess,
    /// Too many ids are kept.
    #[error("{0} ids are kept already; allowed: to release some")]
    RegistryFull(u64),
    /// A child that outlives its instance is not to be had, and why.
    #[error("the process cannot be kept: {0}")]
    PersistUnsupported(String),
    /// Files are injected by the sandbox, which is off.
    #[error("file injection requires the sandbox")]
    InjectionNeedsSandbox,
    /// The backend refused.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The host cannot say where the child would work.
    #[error("no workspace: {0}")]
    NoGround(String),
    /// The operating system gives no random numbers.
    #[error("no random numbers are to be had")]
    NoRandom,
    /// Contract trap: io's budget is used up where the function has no error arm.
    #[error(transparent)]
    IoBudget(QuotaExceeded),
    /// Contract trap: a handle that is not in the store's table, or a table that is full.
    #[error(transparent)]
    Table(#[from] ResourceTableError),
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::Refused(Refusal::Denied(denial))
    }
}

impl From<Unconfined> for Error {
    fn from(unconfined: Unconfined) -> Self {
        Self::Launch(LaunchError::Unconfined(unconfined))
    }
}

impl Failure for Error {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(refusal) => refusal.outcome(),
            Self::ForeignHandle => Outcome::Denied("capability-denied"),
            Self::TooMany { .. } => Outcome::Denied("quota"),
            Self::RegistryFull(_) => Outcome::Denied("registry-full"),
            Self::PersistUnsupported(_) => Outcome::Denied("persist-unsupported"),
            Self::Invalid(_) => Outcome::Failed("invalid-input"),
            Self::Escape | Self::Launch(LaunchError::OutsideRoot) => Outcome::Denied("boundary-escape"),
            Self::TooLarge { .. } | Self::TooManyInjections(_) => Outcome::Failed("too-large"),
            Self::Closed => Outcome::Failed("closed"),
            Self::Stopped => Outcome::Cancelled("cancelled"),
            Self::WaitTimeout => Outcome::Failed("wait-timeout"),
            Self::NoSuchProcess => Outcome::Failed("no-such-process"),
            Self::Launch(LaunchError::NoDirectory | LaunchError::Injection) => {
                Outcome::Failed("invalid-input")
            }
            Self::InjectionNeedsSandbox | Self::Launch(_) | Self::NoGround(_) | Self::NoRandom => {
                Outcome::Failed("unknown")
            }
            Self::IoBudget(_) | Self::Table(_) => Outcome::Failed("trap"),
        }
    }

    fn operator_detail(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.operator_detail(),
            Self::Closed | Self::WaitTimeout | Self::NoSuchProcess => None,
            other => Some(other.to_string()),
        }
    }
}

/// What guests see: one small enum a WIT version, so that a new [`Error`] is decided on here.
pub mod arms {
    use super::{Error, LaunchError, Refusal};

    macro_rules! face {
        ($(#[$doc:meta])* $name:ident) => {
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {
                /// `capability-denied`
                CapabilityDenied,
                /// `invalid-input`
                InvalidInput,
                /// `boundary-escape`
                BoundaryEscape,
                /// `quota`
                Quota,
                /// `too-large`
                TooLarge,
                /// `closed`
                Closed,
                /// `cancelled`
                Cancelled,
                /// `wait-timeout`
                WaitTimeout,
                /// `no-such-process`
                NoSuchProcess,
                /// `registry-full`
                RegistryFull,
                /// `persist-unsupported`
                PersistUnsupported,
                /// `unknown`, in words without paths, pids or ids.
                Unknown(String),
                /// The contract has no arm: the guest traps.
                Trap(Error),
            }

            impl From<Error> for $name {
                fn from(error: Error) -> Self {
                    match error {
                        Error::Refused(Refusal::Denied(_)) | Error::ForeignHandle => Self::CapabilityDenied,
                        Error::Refused(Refusal::Quota(_)) | Error::TooMany { .. } => Self::Quota,
                        Error::Refused(
                            Refusal::Retired | Refusal::Cancelled | Refusal::DeadlineExceeded,
                        )
                        | Error::Stopped => Self::Cancelled,
                        Error::Refused(Refusal::AuditUnavailable) => {
                            Self::Unknown("audit unavailable".to_owned())
                        }
                        Error::Invalid(_)
                        | Error::Launch(LaunchError::NoDirectory | LaunchError::Injection) => {
                            Self::InvalidInput
                        }
                        Error::Escape | Error::Launch(LaunchError::OutsideRoot) => Self::BoundaryEscape,
                        Error::TooLarge { .. } | Error::TooManyInjections(_) => Self::TooLarge,
                        Error::Closed => Self::Closed,
                        Error::WaitTimeout => Self::WaitTimeout,
                        Error::NoSuchProcess => Self::NoSuchProcess,
                        Error::RegistryFull(_) => Self::RegistryFull,
                        Error::PersistUnsupported(_) => Self::PersistUnsupported,
                        unknown @ (Error::InjectionNeedsSandbox
                        | Error::NoRandom
                        | Error::Launch(
                            LaunchError::Unconfined(_)
                            | LaunchError::Exec(_)
                            | LaunchError::NotEnforceable(_)
                            | LaunchError::Masked
                            | LaunchError::TimedOut
                            | LaunchError::Failed(_),
                        )) => Self::Unknown(unknown.to_string()),
                        // Its words are for operators and may hold a path.
                        Error::NoGround(_) => Self::Unknown("no workspace".to_owned()),
                        trap @ (Error::IoBudget(_) | Error::Table(_)) => Self::Trap(trap),
                    }
                }
            }
        };
    }

    face! {
        /// `error-code` of `astrid:process@1.0.0`.
        V1_0
    }
    face! {
        /// `error-code` of `astrid:process@1.1.0`.
        V1_1
    }
}
