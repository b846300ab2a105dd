//! `fs_read` and `fs_write`: which paths in the guest's own spelling are covered.

mod pattern;
mod place;
mod protected;
mod subtrees;

use std::path::{Path, PathBuf};

use astrid_host_context::Principal;

pub(crate) use place::{Mount, Place};
pub(crate) use protected::Protected;
use subtrees::Subtrees;

use crate::{InvalidEntry, Roots};

/// The entries of one list, by mount.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileRules {
    workspace: Subtrees,
    home: Subtrees,
    tmp: Subtrees,
}

impl FileRules {
    /// Reads links where an entry is an absolute host path.
    pub(crate) fn parse(
        setting: &str,
        entries: &[String],
        roots: &Roots,
        warnings: &mut Vec<String>,
    ) -> Result<Self, InvalidEntry> {
        let mut rules = Self::default();
        for entry in entries {
            match pattern::parse(setting, entry, roots)? {
                Some((Mount::Workspace, node)) => rules.workspace.insert(&node),
                Some((Mount::Home, node)) => rules.home.insert(&node),
                Some((Mount::Tmp, node)) => rules.tmp.insert(&node),
                None => warnings
                    .push(format!("{setting}: {entry:?} grants nothing; allowed: {}", pattern::REACHABLE)),
            }
        }
        Ok(rules)
    }

    /// Whether some entry covers the place.
    pub(crate) fn cover(&self, place: &Place<'_>) -> bool {
        match place.mount {
            Mount::Workspace => self.workspace.cover(place.rest),
            Mount::Home => self.home.cover(place.rest),
            // The whole home includes its scratch directory.
            Mount::Tmp => self.tmp.cover(place.rest) || self.home.is_whole(),
        }
    }

    /// The directories below `home` that the entries for the home name, without the host's own.
    pub(crate) fn home_paths(&self, home: &Path) -> Vec<PathBuf> {
        self.home
            .nodes()
            .filter(|node| protected::in_home(node, true).is_none())
            .map(|node| home.join(node))
            .collect()
    }
}

/// Whose home a request may reach, and whether it writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access<'a> {
    pub(crate) principal: Option<&'a Principal>,
    pub(crate) writes: bool,
}
