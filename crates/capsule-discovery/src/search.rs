//! Where capsules are looked for.

use std::path::{Path, PathBuf};

/// One place to look for capsules. Order matters: of two capsules with one name the first found wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPath {
    dir: PathBuf,
    /// The workspace the path belongs to, whose contents come from whoever wrote the project.
    workspace: Option<PathBuf>,
}

impl SearchPath {
    /// A directory that the operator named: a capsule, or a directory of capsules.
    #[must_use]
    pub fn explicit(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), workspace: None }
    }

    /// The capsules installed for one principal: `<root>/home/<principal>/.local/capsules`.
    #[must_use]
    pub fn installed(root: &Path, principal: &str) -> Self {
        Self::explicit(root.join("home").join(principal).join(".local/capsules"))
    }

    /// The capsules a project brings along: `<workspace>/.astrid/capsules`. They are loaded only when
    /// the operator approved them, and never through a symbolic link.
    #[must_use]
    pub fn workspace(workspace: impl Into<PathBuf>) -> Self {
        let workspace = workspace.into();
        Self { dir: workspace.join(".astrid/capsules"), workspace: Some(workspace) }
    }

    /// The directory itself.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// True where somebody other than the operator decides what lies there.
    #[must_use]
    pub fn needs_trust(&self) -> bool {
        self.workspace.is_some()
    }

    /// The first part of the path below the workspace that is a symbolic link.
    pub(crate) fn linked_part(&self) -> Option<PathBuf> {
        let workspace = self.workspace.as_ref()?;
        [workspace.join(".astrid"), self.dir.clone()].into_iter().find(|part| part.is_symlink())
    }
}
