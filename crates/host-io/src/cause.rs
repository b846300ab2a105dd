//! What went wrong beneath a stream, with its Rust type, and the closed list of phrases a guest may hear.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind};

/// The phrases `to-debug-string` chooses from. No other text of a cause ever reaches a guest, so
/// paths, addresses and names in an operating system's or library's message cannot leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phrase {
    /// The peer reset the connection.
    ConnectionReset,
    /// The host's side ended the connection.
    ConnectionAborted,
    /// Nobody accepted the connection.
    ConnectionRefused,
    /// No route to the peer.
    Unreachable,
    /// The peer no longer reads.
    BrokenPipe,
    /// The transport took too long.
    TimedOut,
    /// The source ended inside a unit it should have finished.
    UnexpectedEof,
    /// What arrived could not be decoded.
    Decoding,
    /// The encrypted channel failed.
    Tls,
    /// No space, memory or descriptor was left.
    Exhausted,
    /// The capsule is unloading, or its principal's authority is gone.
    Cancelled,
    /// The invocation's time was up.
    Deadline,
    /// Anything else.
    Other,
}

impl Phrase {
    /// Every phrase, for tests and documentation.
    pub const ALL: [Self; 13] = [
        Self::ConnectionReset,
        Self::ConnectionAborted,
        Self::ConnectionRefused,
        Self::Unreachable,
        Self::BrokenPipe,
        Self::TimedOut,
        Self::UnexpectedEof,
        Self::Decoding,
        Self::Tls,
        Self::Exhausted,
        Self::Cancelled,
        Self::Deadline,
        Self::Other,
    ];

    /// The text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionReset => "connection reset",
            Self::ConnectionAborted => "connection aborted",
            Self::ConnectionRefused => "connection refused",
            Self::Unreachable => "peer unreachable",
            Self::BrokenPipe => "broken pipe",
            Self::TimedOut => "timed out",
            Self::UnexpectedEof => "unexpected end of data",
            Self::Decoding => "decoding failed",
            Self::Tls => "tls error",
            Self::Exhausted => "resources exhausted",
            Self::Cancelled => "cancelled: capsule unloading",
            Self::Deadline => "cancelled: invocation deadline passed",
            Self::Other => "i/o error",
        }
    }

    fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ConnectionReset => Self::ConnectionReset,
            ErrorKind::ConnectionAborted | ErrorKind::NotConnected => Self::ConnectionAborted,
            ErrorKind::ConnectionRefused => Self::ConnectionRefused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                Self::Unreachable
            }
            ErrorKind::BrokenPipe | ErrorKind::WriteZero => Self::BrokenPipe,
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::UnexpectedEof => Self::UnexpectedEof,
            ErrorKind::InvalidData => Self::Decoding,
            ErrorKind::OutOfMemory | ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Exhausted,
            _ => Self::Other,
        }
    }
}

/// The `error` resource: a boxed cause that keeps its Rust type, so that the crate that made it can
/// recognise it again behind a guest's borrow ([`IoError::downcast_ref`]).
#[derive(Debug)]
pub struct IoError {
    cause: Box<dyn StdError + Send + Sync>,
    phrase: Phrase,
}

impl IoError {
    /// An error whose phrase is found from the [`io::Error`] in it or among its sources, if there is one.
    #[must_use]
    pub fn new(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let cause = cause.into();
        let phrase = phrase_of(&*cause);
        Self { cause, phrase }
    }

    /// An error whose maker knows the phrase better: a TLS or decoding layer.
    #[must_use]
    pub fn with_phrase(cause: impl Into<Box<dyn StdError + Send + Sync>>, phrase: Phrase) -> Self {
        Self { cause: cause.into(), phrase }
    }

    /// The cause, if it is of this type.
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.cause.downcast_ref()
    }

    /// What a guest may hear about it.
    #[must_use]
    pub fn phrase(&self) -> Phrase {
        self.phrase
    }

    /// The whole story, for operators only.
    #[must_use]
    pub fn cause(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.cause
    }
}

/// Sources looked at behind a cause; a chain that is longer or circular must not hold a worker.
const CHAIN: usize = 8;

fn phrase_of(cause: &(dyn StdError + Send + Sync + 'static)) -> Phrase {
    if let Some(stopped) = cause.downcast_ref::<Stopped>() {
        return stopped.phrase();
    }
    let first: &(dyn StdError + 'static) = cause;
    std::iter::successors(Some(first), |&error| error.source())
        .take(CHAIN)
        .find_map(|error| error.downcast_ref::<io::Error>())
        .map_or(Phrase::Other, |error| Phrase::of_kind(error.kind()))
}

/// The cause of an operation that the host itself ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The call's token fired.
    #[error("the capsule is unloading or the call was cancelled")]
    Cancelled,
    /// The invocation's deadline passed.
    #[error("the invocation's deadline passed")]
    Deadline,
}

impl Stopped {
    fn phrase(self) -> Phrase {
        match self {
            Self::Cancelled => Phrase::Cancelled,
            Self::Deadline => Phrase::Deadline,
        }
    }
}

/// How a source or sink ends.
#[derive(Debug)]
pub enum StreamFailure {
    /// In order: end of the source, or the peer stopped reading.
    Closed,
    /// By an error; the guest hears of it once, and `closed` from then on.
    Failed(IoError),
}

impl StreamFailure {
    /// A failure with this cause.
    #[must_use]
    pub fn failed(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Failed(IoError::new(cause))
    }

    /// What a read error means: always a failure, an orderly end is not an error there.
    #[must_use]
    pub fn of_read(error: io::Error) -> Self {
        Self::failed(error)
    }

    /// What a write error means: a peer that no longer reads has closed the stream in order.
    #[must_use]
    pub fn of_write(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe | ErrorKind::WriteZero => Self::Closed,
            _ => Self::failed(error),
        }
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.phrase.as_str())
    }
}
