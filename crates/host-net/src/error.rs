//! Everything a net function can answer besides success, and what the frozen face makes of it.

use std::io;

use astrid_airlock::{DialError, InvalidHost, Refused};
use astrid_host_context::{Denial, Failure, Outcome, QuotaExceeded, Refusal};
use wasmtime::component::ResourceTableError;

/// Why a net function did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The envelope's own refusal.
    #[error(transparent)]
    Refused(Refusal),
    /// The host is not well formed.
    #[error(transparent)]
    Host(#[from] InvalidHost),
    /// The port or the kind of address does not fit the function.
    #[error("the address does not fit: {0}")]
    Address(&'static str),
    /// Addresses that capsules must not reach or bind.
    #[error("{0}")]
    Airlock(String),
    /// The name has no address.
    #[error("the name has no address")]
    Unresolvable,
    /// Look-ups come too fast.
    #[error("more than {0} look-ups in a second")]
    LookupRate(u64),
    /// Nothing could be done within the timeout in force.
    #[error("nothing could be done in the time given")]
    WouldBlock,
    /// This end or this direction is closed.
    #[error("closed")]
    Closed,
    /// The peer broke the connection off, or ended it within a frame.
    #[error("the peer broke the connection off")]
    Reset,
    /// It took too long.
    #[error("it took too long")]
    Timeout,
    /// The host closed the socket behind the handle.
    #[error("the host has closed the socket")]
    InvalidHandle,
    /// The operation is for TCP.
    #[error("the operation is for tcp, and this is a unix socket")]
    NotTcp,
    /// A frame beyond [`crate::limits::MAX_FRAME`].
    #[error("frame too large")]
    FrameTooLarge,
    /// A timeout of 0.
    #[error("timeout must be non-zero")]
    ZeroTimeout,
    /// A hop limit that no packet can carry.
    #[error("hop limit out of range")]
    HopLimit,
    /// A datagram that no packet can carry.
    #[error("message too long")]
    MessageTooLong,
    /// A datagram to somebody else than the connected peer.
    #[error("socket is connected")]
    Connected,
    /// A datagram to nobody.
    #[error("not connected")]
    NotConnected,
    /// The operating system's.
    #[error(transparent)]
    Io(io::Error),
    /// Contract trap: io's budget is used up where the function has no error arm.
    #[error(transparent)]
    IoBudget(QuotaExceeded),
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

impl From<QuotaExceeded> for Error {
    fn from(exceeded: QuotaExceeded) -> Self {
        Self::Refused(Refusal::Quota(exceeded))
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unresolvable(_) => Self::Unresolvable,
            refused @ Refused::Blocked { .. } => Self::Airlock(refused.to_string()),
        }
    }
}

impl From<DialError> for Error {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Failed(error) => error.into(),
            other @ DialError::OtherPeer => Self::Airlock(other.to_string()),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::WouldBlock => Self::WouldBlock,
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => Self::Reset,
            Kind::TimedOut => Self::Timeout,
            _ if error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error()) => {
                Self::MessageTooLong
            }
            _ => Self::Io(error),
        }
    }
}

impl Error {
    /// The arm's name in the contract, for records.
    fn class(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Host(_) | Self::Address(_) => "address-not-available",
            Self::Airlock(_) => "airlock-rejected",
            Self::Unresolvable => "name-unresolvable",
            Self::LookupRate(_) | Self::IoBudget(_) => "quota",
            Self::WouldBlock => "would-block",
            Self::Closed => "closed",
            Self::Reset => "connection-reset",
            Self::Timeout => "timeout",
            Self::InvalidHandle => "invalid-handle",
            Self::NotTcp => "not-tcp",
            Self::Io(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => "connection-refused",
                io::ErrorKind::AddrInUse => "address-in-use",
                io::ErrorKind::AddrNotAvailable => "address-not-available",
                _ => "unknown",
            },
            Self::Table(_) => "trap",
            Self::FrameTooLarge
            | Self::ZeroTimeout
            | Self::HopLimit
            | Self::MessageTooLong
            | Self::Connected
            | Self::NotConnected => "unknown",
        }
    }
}

impl Failure for Error {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(refusal) => refusal.outcome(),
            Self::Airlock(_) | Self::LookupRate(_) | Self::IoBudget(_) => Outcome::Denied(self.class()),
            other => Outcome::Failed(other.class()),
        }
    }

    fn operator_detail(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.operator_detail(),
            Self::Closed | Self::WouldBlock => None,
            other => Some(other.to_string()),
        }
    }
}

/// What the frozen faces can say, one exhaustive enum a face.
pub mod arms {
    use std::io::ErrorKind;

    use super::Error;
    use astrid_host_context::Refusal;

    /// `astrid:net/host@1.0.0`'s `error-code`.
    #[derive(Debug)]
    pub enum V1_0 {
        /// `would-block`
        WouldBlock,
        /// `closed`
        Closed,
        /// `capability-denied`
        CapabilityDenied,
        /// `airlock-rejected`
        AirlockRejected,
        /// `connection-refused`
        ConnectionRefused,
        /// `connection-reset`
        ConnectionReset,
        /// `timeout`
        Timeout,
        /// `address-in-use`
        AddressInUse,
        /// `address-not-available`
        AddressNotAvailable,
        /// `name-unresolvable`
        NameUnresolvable,
        /// `invalid-handle`
        InvalidHandle,
        /// `not-tcp`
        NotTcp,
        /// `quota`
        Quota,
        /// `unknown`
        Unknown(String),
        /// The contract has no arm: the guest traps.
        Trap(Error),
    }

    impl From<Error> for V1_0 {
        fn from(error: Error) -> Self {
            match error {
                Error::Refused(Refusal::Retired | Refusal::Denied(_)) => Self::CapabilityDenied,
                Error::Refused(Refusal::Cancelled) | Error::Closed => Self::Closed,
                Error::Refused(Refusal::DeadlineExceeded) | Error::Timeout => Self::Timeout,
                Error::Refused(Refusal::Quota(_)) | Error::LookupRate(_) => Self::Quota,
                Error::Refused(Refusal::AuditUnavailable) => Self::Unknown("audit unavailable".to_owned()),
                Error::Host(_) | Error::Address(_) => Self::AddressNotAvailable,
                Error::Airlock(_) => Self::AirlockRejected,
                Error::Unresolvable => Self::NameUnresolvable,
                Error::WouldBlock => Self::WouldBlock,
                Error::Reset => Self::ConnectionReset,
                Error::InvalidHandle => Self::InvalidHandle,
                Error::NotTcp => Self::NotTcp,
                Error::Io(error) => match error.kind() {
                    ErrorKind::ConnectionRefused => Self::ConnectionRefused,
                    ErrorKind::AddrInUse => Self::AddressInUse,
                    ErrorKind::AddrNotAvailable | ErrorKind::InvalidInput => Self::AddressNotAvailable,
                    // The kind's own words: the system's could name what a guest must not learn.
                    kind => Self::Unknown(kind.to_string()),
                },
                unknown @ (Error::FrameTooLarge
                | Error::ZeroTimeout
                | Error::HopLimit
                | Error::MessageTooLong
                | Error::Connected
                | Error::NotConnected) => Self::Unknown(unknown.to_string()),
                trap @ (Error::IoBudget(_) | Error::Table(_)) => Self::Trap(trap),
            }
        }
    }
}
