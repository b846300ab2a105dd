//! Everything an ipc function can answer besides success, and what the frozen face makes of it.

use astrid_event_bus::{Closed, InvalidPayload, InvalidTopic, RateExceeded};
use astrid_host_context::{Denial, Failure, InvalidIdentity, Outcome, QuotaExceeded, Refusal};
use wasmtime::component::ResourceTableError;

/// Why an ipc function did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The envelope's own refusal.
    #[error(transparent)]
    Refused(Refusal),
    /// The topic or pattern is not well formed.
    #[error(transparent)]
    Topic(#[from] InvalidTopic),
    /// The payload is not well formed.
    #[error(transparent)]
    Payload(#[from] InvalidPayload),
    /// The named principal is not well formed.
    #[error(transparent)]
    Principal(#[from] InvalidIdentity),
    /// The named principal is the reserved one.
    #[error("principal \"anonymous\" is reserved; name the principal that is spoken for")]
    Anonymous,
    /// The topic is the host's alone.
    #[error("topic {0:?} is reserved to the host")]
    Reserved(String),
    /// The subscription or its capsule is going away.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// Nothing arrived, on a host configured to call that an error.
    #[error("nothing arrived in the time given")]
    Idle,
    /// A rate is used up.
    #[error(transparent)]
    Rate(#[from] RateExceeded),
    /// A chain of publications came back too often.
    #[error("the chain of messages that cause messages came back {0} times; allowed: fewer than 8")]
    ReEntry(u8),
    /// Publishers would wait on each other in a circle.
    #[error("publishers would wait on each other in a circle")]
    Cycle,
    /// Handlers did not make room in time; nothing was delivered.
    #[error("handlers did not make room in time")]
    Backpressure,
    /// Some receivers were left out.
    #[error("{0} receivers beyond the first 256 were left out")]
    TooManyReceivers(usize),
    /// Contract trap: the pollable budget is used up where the function has no error arm.
    #[error(transparent)]
    Pollables(QuotaExceeded),
    /// Contract trap: a handle that is not in the store's table.
    #[error(transparent)]
    Table(#[from] ResourceTableError),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::Refused(Refusal::Denied(denial))
    }
}

impl Failure for Error {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(refusal) => refusal.outcome(),
            Self::Topic(_) | Self::Payload(_) | Self::Principal(_) | Self::Anonymous => {
                Outcome::Failed("invalid-input")
            }
            Self::Reserved(_) => Outcome::Denied("reserved"),
            Self::Closed(_) => Outcome::Failed("closed"),
            Self::Idle => Outcome::Failed("timeout"),
            Self::Rate(_) | Self::ReEntry(_) | Self::Cycle => Outcome::Denied("rate-limited"),
            Self::Backpressure | Self::TooManyReceivers(_) => Outcome::Failed("backpressure"),
            Self::Pollables(_) => Outcome::Denied("quota"),
            Self::Table(_) => Outcome::Failed("trap"),
        }
    }

    fn operator_detail(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.operator_detail(),
            other => Some(other.to_string()),
        }
    }
}

/// What the frozen faces can say, one exhaustive enum a face.
pub mod arms {
    use super::Error;
    use astrid_event_bus::InvalidPayload;
    use astrid_host_context::Refusal;

    /// `astrid:ipc/host@1.0.0`'s `error-code`.
    #[derive(Debug)]
    pub enum V1_0 {
        /// `capability-denied`
        CapabilityDenied,
        /// `invalid-input`
        InvalidInput,
        /// `closed`
        Closed,
        /// `rate-limited`
        RateLimited,
        /// `backpressure`
        Backpressure,
        /// `quota`
        Quota,
        /// `timeout`
        Timeout,
        /// `unknown`
        Unknown(&'static str),
        /// The contract has no arm: the guest traps.
        Trap(Error),
    }

    impl From<Error> for V1_0 {
        fn from(error: Error) -> Self {
            match error {
                Error::Refused(Refusal::Retired | Refusal::Denied(_)) | Error::Reserved(_) => {
                    Self::CapabilityDenied
                }
                Error::Payload(InvalidPayload::Interrupted)
                | Error::Refused(Refusal::Cancelled)
                | Error::Closed(_) => Self::Closed,
                Error::Refused(Refusal::DeadlineExceeded) | Error::Idle => Self::Timeout,
                Error::Refused(Refusal::Quota(_)) => Self::Quota,
                Error::Refused(Refusal::AuditUnavailable) => Self::Unknown("the host cannot record the call"),
                Error::Topic(_) | Error::Payload(_) | Error::Principal(_) | Error::Anonymous => {
                    Self::InvalidInput
                }
                Error::Rate(_) | Error::ReEntry(_) | Error::Cycle => Self::RateLimited,
                Error::Backpressure | Error::TooManyReceivers(_) => Self::Backpressure,
                trap @ (Error::Pollables(_) | Error::Table(_)) => Self::Trap(trap),
            }
        }
    }
}
