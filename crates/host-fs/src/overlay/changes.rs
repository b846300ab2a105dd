//! What an overlay holds, for whoever decides on it.

use std::fmt;

use super::find::join;
use super::{Overlay, OverlayError, View};
use crate::fault::Fault;
use crate::volume::FileKind;

/// How a path differs from the lower tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It was there, and was written, or opened to be.
    Modified,
    /// It is gone, with all below it.
    Removed,
    /// A directory that was removed with all below it and made anew; what it holds now is listed as added.
    Replaced,
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Removed => "removed",
            Self::Replaced => "replaced",
        })
    }
}

/// One path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The components below the root, joined by `/`; of a directory, with a `/` at the end.
    pub path: String,
    /// How it differs.
    pub kind: ChangeKind,
}

impl Overlay {
    /// What differs from the lower tree, sorted by path. Walks the changes, not the lower tree. Blocks.
    ///
    /// # Errors
    /// The system's.
    pub fn changes(&self) -> Result<Vec<Change>, OverlayError> {
        let layers = self.layers.read();
        let at = |fault| OverlayError::At { path: String::new(), fault };
        self.view(&layers).changes().map_err(at)
    }
}

impl View<'_> {
    fn changes(&self) -> Result<Vec<Change>, Fault> {
        let cuts = self.cuts.read();
        let mut changes = Vec::new();
        for cut in cuts.iter() {
            let Some(lower) = self.lower.peek(&self.path(cut))? else { continue };
            let kind = match self.upper.peek(&self.path(cut))? {
                None => ChangeKind::Removed,
                Some(upper) if upper.kind() == FileKind::Directory => ChangeKind::Replaced,
                // Listed with the upper tree.
                Some(_) => continue,
            };
            let slash = if lower.kind() == FileKind::Directory { "/" } else { "" };
            changes.push(Change { path: format!("{cut}{slash}"), kind });
        }
        // Each with whether a cut hides all that the lower tree has below.
        let mut waiting = vec![(String::new(), false)];
        while let Some((directory, hidden)) = waiting.pop() {
            for (name, is_directory) in self.upper.children(&directory)? {
                // The upper tree has only names that paths can say.
                let Ok(name) = name.to_str() else { continue };
                let child = join(&directory, name);
                let lower = if hidden { None } else { self.lower.peek(&self.path(&child))? };
                if !is_directory {
                    let kind = if lower.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
                    changes.push(Change { path: child, kind });
                    continue;
                }
                let cut = cuts.holds(&child);
                if lower.is_none_or(|lower| lower.kind() != FileKind::Directory && !cut) {
                    changes.push(Change { path: format!("{child}/"), kind: ChangeKind::Added });
                }
                waiting.push((child, hidden || cut));
            }
        }
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(changes)
    }
}
