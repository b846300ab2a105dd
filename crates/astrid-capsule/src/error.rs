//! What can go wrong with one capsule, each with a stable code.

use std::fmt;

/// The stable name of a failure; `capsule` prints it and tests match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The file is not a component, or an export has the wrong type.
    UnsupportedEntryPoint,
    /// The recorded hash is missing or differs.
    Integrity,
    /// The component does not compile.
    Compile,
    /// The component imports something this host does not offer.
    UnlinkedImport,
    /// An instance could not be made.
    Instantiate,
    /// A guest export failed outside an invocation that could have been denied.
    Execution,
    /// The capsule does not handle that action.
    NotSupported,
    /// The capsule is not loaded, or not any more.
    NotReady,
    /// A file or capsule does not exist.
    NotFound,
    /// The manifest is wrong.
    Manifest,
    /// A wait ran out of time.
    Timeout,
    /// A wait was cancelled.
    Cancelled,
    /// A capsule could not be installed or removed as it was asked for.
    Install,
    /// Nobody approved what a capsule asks for.
    Unapproved,
    /// The home directory, store or configuration cannot be used.
    Host,
}

impl Code {
    /// The code as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnsupportedEntryPoint => "unsupported-entry-point",
            Self::Integrity => "integrity",
            Self::Compile => "compile",
            Self::UnlinkedImport => "unlinked-import",
            Self::Instantiate => "instantiate",
            Self::Execution => "execution",
            Self::NotSupported => "not-supported",
            Self::NotReady => "not-ready",
            Self::NotFound => "not-found",
            Self::Manifest => "manifest",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Install => "install",
            Self::Unapproved => "unapproved",
            Self::Host => "host",
        }
    }
}

/// A failure of one capsule, for operators. Guests never see it.
#[derive(Debug, Clone)]
pub struct CapsuleError {
    capsule: Option<String>,
    code: Code,
    problem: String,
}

impl CapsuleError {
    /// A failure of the host itself, of no capsule in particular.
    #[must_use]
    pub fn host(problem: impl fmt::Display) -> Self {
        Self { capsule: None, code: Code::Host, problem: problem.to_string() }
    }

    /// A failure of the capsule with this id.
    #[must_use]
    pub fn of(capsule: &str, code: Code, problem: impl fmt::Display) -> Self {
        Self { capsule: Some(capsule.to_owned()), code, problem: problem.to_string() }
    }

    /// A failure whose capsule id is not known yet.
    #[must_use]
    pub fn new(code: Code, problem: impl fmt::Display) -> Self {
        Self { capsule: None, code, problem: problem.to_string() }
    }

    /// Names the capsule, where the failing part did not know it.
    #[must_use]
    pub fn in_capsule(mut self, id: &str) -> Self {
        self.capsule.get_or_insert_with(|| id.to_owned());
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }
}

impl fmt::Display for CapsuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = &self.capsule {
            write!(f, "capsule '{id}': ")?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for CapsuleError {}
