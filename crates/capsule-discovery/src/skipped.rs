//! What was left out, and why.

use std::fmt;
use std::path::PathBuf;

use astrid_capsule_manifest::ManifestError;

/// A directory that holds a capsule, or should, and is not loaded.
#[derive(Debug)]
#[non_exhaustive]
pub struct Skipped {
    /// The directory, as found.
    pub dir: PathBuf,
    /// Why.
    pub reason: Reason,
}

/// Why a capsule directory was left out.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The manifest was refused; every fault of it is in here.
    BadManifest(ManifestError),
    /// Another capsule of this name was found earlier.
    Duplicate {
        /// The name both have.
        id: String,
        /// The one that is used.
        kept: PathBuf,
    },
    /// In a workspace, this path is a symbolic link.
    Symlink(PathBuf),
    /// In a workspace, and nobody approved it as it is now.
    Untrusted {
        /// Its name.
        id: String,
    },
    /// The operating system refused.
    Unreadable(std::io::Error),
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dir = self.dir.display();
        match &self.reason {
            Reason::BadManifest(error) => write!(f, "{error}"),
            Reason::Duplicate { id, kept } => {
                write!(f, "{dir}: a capsule '{id}' was already found in {}, which is used", kept.display())
            }
            Reason::Symlink(link) => write!(
                f,
                "{dir}: {} is a symbolic link; allowed in a workspace: real directories and files",
                link.display()
            ),
            Reason::Untrusted { id } => write!(
                f,
                "{dir}: capsule '{id}' comes with the workspace and is not trusted as it is; to load it run `capsule trust {dir}`"
            ),
            Reason::Unreadable(error) => write!(f, "{dir}: {error}"),
        }
    }
}
