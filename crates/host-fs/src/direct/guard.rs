//! Directories below a root that the host keeps to itself, matched by name and by identity.

use super::resolve::Place;
use super::root::Root;
use super::sys::{self, Meta};
use crate::fault::Fault;
use crate::path::parts;
use crate::volume::{FileId, FileKind};

/// The reserved directories, relative to the root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard(&'static [&'static str]);

impl Guard {
    pub(super) fn new(reserved: &'static [&'static str]) -> Self {
        Self(reserved)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a path by its names is a reserved directory or below one.
    pub(super) fn reserves(&self, relative: &str) -> bool {
        self.0.iter().any(|reserved| is_below(relative, reserved))
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
        if self.0.iter().any(|reserved| identity(root, reserved) == Some(id)) {
            return Err(Fault::Denied);
        }
        Ok(())
    }

    /// A place that is moved or removed must hold no reserved directory.
    pub(super) fn spares(&self, root: &Root, place: &Place) -> Result<(), Fault> {
        let holds = |reserved: &&&str| {
            let above = |(at, _): (usize, _)| reserved.get(..at).unwrap_or_default();
            let mut ancestors = reserved.match_indices('/').map(above);
            let by_name = is_below(reserved, &place.relative);
            let id = place.node.map(|node| node.id());
            by_name || ancestors.any(|ancestor| identity(root, ancestor).is_some_and(|it| Some(it) == id))
        };
        if self.0.iter().any(|reserved| holds(&reserved)) { Err(Fault::Denied) } else { Ok(()) }
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
