//! Why an installation, an uninstallation or a recovery did not happen.

use std::fmt;
use std::io;
use std::path::Path;

use astrid_capsule_manifest::ManifestError;

/// What kind of thing went wrong. Stable: programs match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// A file or directory could not be read or written.
    Io,
    /// The source is neither a directory nor an archive that can be read.
    BadSource,
    /// The archive is no gzip-compressed tar file, or does not begin with the manifest.
    BadArchive,
    /// An entry of the archive or a file of the directory is of a kind or has a name that is not accepted.
    BadEntry,
    /// More bytes than [`MAX_UNPACKED`](crate::MAX_UNPACKED) or more entries than [`MAX_ENTRIES`](crate::MAX_ENTRIES).
    ArchiveTooLarge,
    /// The manifest was refused.
    Manifest,
    /// `meta.json` is not one.
    Meta,
    /// A lower version than the installed one, and nobody said that it may be.
    Downgrade,
    /// A component or its record does not fit.
    Integrity,
    /// Somebody else installs or removes the same capsule right now.
    Busy,
    /// The capsule to remove is not installed.
    NotInstalled,
    /// An earlier installation that was cut short has to be recovered first.
    Unfinished,
    /// A principal's name cannot be a directory's.
    BadPrincipal,
}

impl Code {
    /// The code as programs read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::BadSource => "bad-source",
            Self::BadArchive => "bad-archive",
            Self::BadEntry => "bad-entry",
            Self::ArchiveTooLarge => "archive-too-large",
            Self::Manifest => "manifest",
            Self::Meta => "bad-meta",
            Self::Downgrade => "downgrade",
            Self::Integrity => "integrity",
            Self::Busy => "busy",
            Self::NotInstalled => "not-installed",
            Self::Unfinished => "unfinished",
            Self::BadPrincipal => "bad-principal",
        }
    }
}

/// What went wrong: `{place}: {problem}; allowed: {allowed}`, one line for each independent fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallError {
    code: Code,
    message: String,
}

impl InstallError {
    pub(crate) fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }

    pub(crate) fn at(code: Code, path: &Path, problem: impl fmt::Display) -> Self {
        Self::new(code, format_args!("{}: {problem}", path.display()))
    }

    /// For `map_err`: what was being done with `path` when the system refused.
    pub(crate) fn io<'a>(path: &'a Path, what: &'a str) -> impl FnOnce(io::Error) -> Self + 'a {
        move |error| Self::at(Code::Io, path, format_args!("{what}: {error}"))
    }

    pub(crate) fn allowed(mut self, allowed: impl fmt::Display) -> Self {
        self.message = format!("{}; allowed: {allowed}", self.message);
        self
    }

    /// The kind of fault.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InstallError {}

impl From<ManifestError> for InstallError {
    fn from(error: ManifestError) -> Self {
        Self::new(Code::Manifest, error)
    }
}
