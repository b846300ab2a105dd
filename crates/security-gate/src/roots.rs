//! Where the workspace and the host's own directory are, found out once.

use std::path::{Path, PathBuf};

/// The two host directories a gate knows, canonical. Checks never look at the disk, so this is where
/// links in the directories' own paths are resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots {
    pub(crate) workspace: Option<PathBuf>,
    pub(crate) astrid_home: Option<PathBuf>,
}

impl Roots {
    /// No directories are known: absolute patterns grant nothing, and no part of the workspace is
    /// known to be the host's own.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Resolves the directories, reading links: not for a runtime worker. One that cannot be
    /// resolved is taken literally, with a warning in the log.
    #[must_use]
    pub fn resolve(workspace: Option<&Path>, astrid_home: Option<&Path>) -> Self {
        Self { workspace: workspace.map(root), astrid_home: astrid_home.map(root) }
    }
}

fn root(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|error| {
        tracing::warn!(path = %path.display(), %error, "a root of the security gate is taken literally");
        settled(path)
    })
}

/// `path` with the links of its deepest existing ancestor resolved.
pub(crate) fn settled(path: &Path) -> PathBuf {
    path.ancestors()
        .find_map(|ancestor| {
            let rest = path.strip_prefix(ancestor).ok()?;
            Some(ancestor.canonicalize().ok()?.join(rest))
        })
        // Component by component, so that a trailing slash does not stay.
        .map_or_else(|| path.components().collect(), |found| found.components().collect())
}
