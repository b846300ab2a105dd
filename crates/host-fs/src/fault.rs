//! What a backend answers when it cannot do what it was asked.

/// Why an operation on a volume failed. One case a guest can see; nothing here names a host object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is nothing at the path.
    #[error("nothing is there")]
    NotFound,
    /// The system refuses, or the object is of a kind that is never opened.
    #[error("the system refuses")]
    Access,
    /// Policy, or a place the host keeps to itself.
    #[error("not granted")]
    Denied,
    /// The path leads outside its root.
    #[error("the path leads outside its root")]
    Escape,
    /// Not a name this file system or this package takes.
    #[error("the path is not valid here")]
    InvalidPath,
    /// Somebody else holds a lock or lease.
    #[error("a lock or lease is held")]
    WouldBlock,
    /// It is a directory.
    #[error("it is a directory")]
    IsDirectory,
    /// It is no directory.
    #[error("it is no directory")]
    NotDirectory,
    /// The directory has entries.
    #[error("the directory has entries")]
    NotEmpty,
    /// Larger than allowed.
    #[error("larger than allowed")]
    TooLarge,
    /// No further entry, byte or descriptor.
    #[error("a quota is used up")]
    Quota,
    /// The paths are in different places.
    #[error("the paths are in different places")]
    CrossVfs,
    /// The name is taken.
    #[error("the name is taken")]
    AlreadyExists,
    /// The host closed the file.
    #[error("the file was closed")]
    Closed,
    /// One of the texts of the closed list.
    #[error("{}", .0.as_str())]
    Unknown(Text),
}

/// Every text that `unknown` may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// More than 40 links in one resolution.
    TooManyLinks,
    /// The file system lacks the operation.
    NotSupported,
    /// The device failed, or for a cause without a name of its own.
    Io,
    /// The host has no memory left.
    OutOfMemory,
    /// The call's token fired in its middle.
    Cancelled,
    /// The tree kept changing under the call.
    RetryLimit,
    /// The call must not run unrecorded.
    AuditUnavailable,
}

impl Text {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::TooManyLinks,
        Self::NotSupported,
        Self::Io,
        Self::OutOfMemory,
        Self::Cancelled,
        Self::RetryLimit,
        Self::AuditUnavailable,
    ];

    /// The text a guest reads.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooManyLinks => "too many symbolic links",
            Self::NotSupported => "not supported",
            Self::Io => "i/o error",
            Self::OutOfMemory => "out of memory",
            Self::Cancelled => "cancelled",
            Self::RetryLimit => "retry limit",
            Self::AuditUnavailable => "audit unavailable",
        }
    }
}
