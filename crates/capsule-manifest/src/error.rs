//! What parsing answers when a manifest is refused, and what it says beside when it is not.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::code::Code;

/// One thing that is wrong, with the place to correct it.
///
/// Displays as one line: `{path}:{line}:{column}: [{key}] {problem}; allowed: {allowed}`. The position is left out
/// when there is none, `[{key}]` when the fault concerns the whole file, `allowed` when the accepted values cannot be
/// enumerated.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestFault {
    /// The file, as the caller named it.
    pub path: PathBuf,
    /// Dotted TOML path with array indices, such as `component[0].type`; empty for the whole file.
    pub key: String,
    /// Line, counted from 1.
    pub line: Option<usize>,
    /// Column in characters, counted from 1.
    pub column: Option<usize>,
    /// The kind of fault.
    pub code: Code,
    /// What is wrong, naming the offending value.
    pub problem: String,
    /// What would be accepted.
    pub allowed: Option<String>,
}

impl fmt::Display for ManifestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, &self.path, self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "[{}] ", self.key)?;
        }
        f.write_str(&self.problem)?;
        match &self.allowed {
            Some(allowed) => write!(f, "; allowed: {allowed}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ManifestFault {}

/// Why a manifest was refused. Every fault of the first validation step that found any is in here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Exactly one fault.
    #[error(transparent)]
    One(Box<ManifestFault>),
    /// Several independent faults, in the order of discovery; displays one line each.
    #[error("{}", lines(.0))]
    Many(Vec<ManifestFault>),
}

impl ManifestError {
    /// Every fault, never empty.
    #[must_use]
    pub fn faults(&self) -> &[ManifestFault] {
        match self {
            Self::One(fault) => std::slice::from_ref(&**fault),
            Self::Many(faults) => faults,
        }
    }

    /// The code of the first fault.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.faults().first().map(|fault| fault.code)
    }

    pub(crate) fn from_faults(mut faults: Vec<ManifestFault>) -> Self {
        match (faults.len(), faults.pop()) {
            (1, Some(only)) => Self::One(Box::new(only)),
            (_, last) => {
                faults.extend(last);
                Self::Many(faults)
            }
        }
    }
}

impl From<ManifestFault> for ManifestError {
    fn from(fault: ManifestFault) -> Self {
        Self::One(Box::new(fault))
    }
}

/// Something odd that does not stop a capsule from loading.
///
/// Displays as `{path}:{line}: {message}`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestWarning {
    /// The file, as the caller named it.
    pub path: PathBuf,
    /// Dotted TOML path with array indices; empty for the whole file.
    pub key: String,
    /// Line, counted from 1.
    pub line: Option<usize>,
    /// Column in characters, counted from 1.
    pub column: Option<usize>,
    /// The kind of warning.
    pub code: Code,
    /// The whole sentence, naming the key.
    pub message: String,
}

impl fmt::Display for ManifestWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, &self.path, self.line, None)?;
        f.write_str(&self.message)
    }
}

impl From<ManifestWarning> for ManifestFault {
    fn from(warning: ManifestWarning) -> Self {
        let ManifestWarning {
            path,
            key,
            line,
            column,
            code,
            message,
        } = warning;
        Self {
            path,
            key,
            line,
            column,
            code,
            problem: message,
            allowed: None,
        }
    }
}

fn place(
    f: &mut fmt::Formatter<'_>,
    path: &Path,
    line: Option<usize>,
    column: Option<usize>,
) -> fmt::Result {
    write!(f, "{}:", path.display())?;
    if let Some(line) = line {
        write!(f, "{line}:")?;
    }
    if let Some(column) = column {
        write!(f, "{column}:")?;
    }
    f.write_str(" ")
}

fn lines(faults: &[ManifestFault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}
