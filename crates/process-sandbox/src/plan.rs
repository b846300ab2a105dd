//! What the host wants of the shim, complete before anything is started.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One process to start.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(Raw, Raw)>,
    /// Where a bare name is looked for.
    pub(crate) search: Vec<Raw>,
    /// Directories that must be the ones the host looked at: path, device, inode.
    pub(crate) pinned: Vec<(Raw, u64, u64)>,
    /// Where it starts.
    pub(crate) cwd: Below,
    /// A home that is to be below its root.
    pub(crate) home: Option<Below>,
    /// Files it is shown, and their BLAKE3.
    pub(crate) injected: Vec<(Raw, [u8; 32])>,
    pub(crate) limits: Rlimits,
    /// What it is held by; `None` where the operator switched the sandbox off.
    pub(crate) fence: Option<Fence>,
    /// Whether the shim is the first process of a pid namespace, so that all others die with it.
    pub(crate) namespace: bool,
}

/// A directory below another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Below {
    pub(crate) root: Raw,
    pub(crate) parts: Vec<String>,
}

impl Below {
    /// Its path, as the process will name it.
    pub(crate) fn path(&self) -> PathBuf {
        let mut path = self.root.path().to_owned();
        path.extend(&self.parts);
        path
    }
}

/// Limits of one process, inherited by what it starts; `None` leaves the host's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rlimits {
    /// Bytes of address space.
    pub(crate) memory: Option<u64>,
    /// Seconds of processor time.
    pub(crate) cpu: Option<u64>,
    pub(crate) files: Option<u64>,
    /// Processes and threads of the user in its namespace.
    pub(crate) pids: Option<u64>,
}

/// What Landlock and seccomp allow.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fence {
    /// Whether the start fails if Landlock cannot hold the files.
    pub(crate) files_required: bool,
    /// Mount everything else read-only first.
    pub(crate) mounts: bool,
    /// Directories whose entries may be listed, and nothing else.
    pub(crate) lists: Vec<Raw>,
    pub(crate) reads: Vec<Raw>,
    pub(crate) writes: Vec<Raw>,
    /// Refuse sockets of the internet.
    pub(crate) no_internet: bool,
    /// Refuse local sockets, which Landlock does not know.
    pub(crate) no_local: bool,
}

/// Bytes of a path or a variable, which need not be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Raw(Vec<u8>);

impl Raw {
    pub(crate) fn path(&self) -> &Path {
        Path::new(std::ffi::OsStr::from_bytes(&self.0))
    }

    pub(crate) fn text(&self) -> &std::ffi::OsStr {
        std::ffi::OsStr::from_bytes(&self.0)
    }
}

impl<T: Into<OsString>> From<T> for Raw {
    fn from(text: T) -> Self {
        Self(text.into().into_vec())
    }
}
