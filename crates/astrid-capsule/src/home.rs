//! The host's directory: what lies where, created private.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::CapsuleError;

/// Paths below the host root (`--home`, `$ASTRID_HOME`).
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// Where the host root is when nobody names one: `$ASTRID_HOME`, else `~/.astrid`.
    ///
    /// # Errors
    /// Neither `ASTRID_HOME` nor `HOME` is set.
    pub fn default_root() -> Result<PathBuf, CapsuleError> {
        let set = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
        set("ASTRID_HOME").or_else(|| Some(set("HOME")?.join(".astrid"))).ok_or_else(|| {
            CapsuleError::host("no home directory: neither ASTRID_HOME nor HOME is set; name one with `home`")
        })
    }

    /// Opens or creates the host root, mode 0700.
    ///
    /// # Errors
    /// The path is not a directory, or cannot be created or written.
    pub fn open(root: &Path) -> Result<Self, CapsuleError> {
        let failed = |what: &str, error: io::Error| {
            CapsuleError::host(format!(
                "home {}: {what}: {error}; allowed: a directory this user can write",
                root.display()
            ))
        };
        private_dir(root).map_err(|e| failed("cannot be created", e))?;
        let root = root.canonicalize().map_err(|e| failed("cannot be opened", e))?;
        let home = Self { root };
        for dir in [home.state(), home.etc()] {
            private_dir(&dir).map_err(|e| failed("cannot be written", e))?;
        }
        Ok(home)
    }

    /// The operator's approvals of workspaces' capsules.
    #[must_use]
    pub fn trust_file(&self) -> PathBuf {
        self.etc().join("trusted-capsules.json")
    }

    /// The root itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Databases.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// Keys and configuration.
    #[must_use]
    pub fn etc(&self) -> PathBuf {
        self.root.join("etc")
    }

    /// The host's own logs.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// Sockets and the session token of the running host.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// Compiled components.
    #[must_use]
    pub fn compile_cache(&self) -> PathBuf {
        self.root.join("cache").join("components")
    }

    /// Component binaries by content.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }
}

/// Creates a directory with its parents, 0700, and leaves an existing one as it is.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
