//! Directories below a root that the host keeps to itself, matched by name and by identity.

use std::os::fd::AsFd;

use super::resolve::Place;
use super::root::Root;
use super::sys::{self, Meta};
use crate::fault::Fault;
use crate::fold::folded;
use crate::path::parts;
use crate::volume::{FileId, FileKind};

/// The reserved directories, relative to the root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    reserved: &'static [&'static str],
    /// Whether names that differ in case stand for the same there.
    folds: bool,
}

impl Guard {
    /// `folds` says so where the system does not.
    pub(super) fn new(root: impl AsFd, reserved: &'static [&'static str], folds: bool) -> Self {
        // The attribute is each directory's own, so those that hold a reserved name are asked too.
        let above = |reserved: &&'static str| reserved.rsplit_once('/').map(|(above, _)| above);
        let holders = reserved.iter().filter_map(above).filter_map(|above| {
            parts(above).try_fold(sys::reopen(&root).ok()?, |at, part| sys::open_directory(at, part).ok())
        });
        let folds = folds
            || sys::folds(&root)
            || holders.filter_map(|holder| sys::reopen(holder).ok()).any(|holder| sys::folds(&holder));
        Self { reserved, folds }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.reserved.is_empty()
    }

    pub(super) fn folds(&self) -> bool {
        self.folds
    }

    /// Whether a path by its names is a reserved directory or below one.
    pub(super) fn reserves(&self, relative: &str) -> bool {
        self.names(|reserved, relative| is_below(relative, reserved), relative)
    }

    /// Whether a reserved name and a path, compared as the file system compares them, pass the test.
    fn names(&self, test: impl Fn(&str, &str) -> bool, relative: &str) -> bool {
        if self.is_empty() {
            return false;
        }
        let folded = self.folds.then(|| folded(relative));
        let relative = folded.as_deref().unwrap_or(relative);
        self.reserved.iter().any(|reserved| test(reserved, relative))
    }

    /// A resolved place must not be reserved, under whatever name.
    pub(super) fn passes(&self, root: &Root, place: &Place) -> Result<(), Fault> {
        if self.reserves(&place.relative) {
            return Err(Fault::Denied);
        }
        match &place.node {
            Some(node) if node.kind() == FileKind::Directory => self.enters(root, node),
            _ => Ok(()),
        }
    }

    /// The walk must not pass through a reserved directory, under whatever name.
    pub(super) fn enters(&self, root: &Root, directory: &Meta) -> Result<(), Fault> {
        let id = directory.id();
        if self.reserved.iter().any(|reserved| identity(root, reserved) == Some(id)) {
            return Err(Fault::Denied);
        }
        Ok(())
    }

    /// A place that is moved or removed must hold no reserved directory.
    pub(super) fn spares(&self, root: &Root, place: &Place) -> Result<(), Fault> {
        let id = place.node.map(|node| node.id());
        let holds = |reserved: &&str| {
            let above = |(at, _): (usize, _)| reserved.get(..at).unwrap_or_default();
            let mut ancestors = reserved.match_indices('/').map(above);
            ancestors.any(|ancestor| identity(root, ancestor).is_some_and(|it| Some(it) == id))
        };
        let by_name = self.names(is_below, &place.relative);
        if by_name || self.reserved.iter().any(holds) { Err(Fault::Denied) } else { Ok(()) }
    }
}

/// Whether `path` is `top` or below it, by component.
fn is_below(path: &str, top: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || top.is_empty())
}

fn identity(root: &Root, relative: &str) -> Option<FileId> {
    let mut dir = root.fd().clone();
    for part in parts(relative) {
        dir = std::sync::Arc::new(sys::open_directory(&dir, part).ok()?);
    }
    sys::stat(&dir).ok().map(|meta| meta.id())
}

#[cfg(test)]
mod tests {
    use super::*;

    // fs case 33
    #[test]
    fn every_spelling_that_a_folding_file_system_takes_for_a_reserved_name_is_reserved() {
        let root = tempfile::tempdir().unwrap();
        let root = sys::open_root(root.path()).unwrap();
        let guard = |folds| Guard::new(&root, &crate::RESERVED, folds);
        let ways = [
            ".LOCAL",
            ".LOCAL/log",
            ".Config/eNv/x",
            ".config/\u{17f}ecrets",
            ".l\u{200d}ocal/x",
            ".con\u{feff}fig/env",
        ];
        for way in ways {
            assert!(guard(true).reserves(way), "{way:?}");
            assert!(!guard(false).reserves(way), "{way:?}");
        }
        for other in [".locals", "LOCAL", ".config/envy", ".config", "x/.local", ".l\u{f6}cal"] {
            assert!(!guard(true).reserves(other), "{other:?}");
        }
    }
}
