//! The directories passed on the way down, so that `..` is answered from what was pinned.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::sys;
use crate::errno;
use crate::fault::Fault;

/// Descriptors one resolution keeps open. Deeper paths give up the upper ones and walk down to them
/// again, by their names and without following, should `..` lead back.
const OPEN: usize = 32;

/// The way from the root to where the walk stands.
#[derive(Debug)]
pub(super) struct Levels {
    root: Arc<OwnedFd>,
    below: Vec<(String, Option<Arc<OwnedFd>>)>,
}

impl Levels {
    pub(super) fn new(root: Arc<OwnedFd>) -> Self {
        Self { root, below: Vec::new() }
    }

    /// The directory the walk stands in.
    pub(super) fn top(&mut self) -> Result<Arc<OwnedFd>, Fault> {
        let Some((_, top)) = self.below.last() else { return Ok(self.root.clone()) };
        match top {
            Some(top) => Ok(top.clone()),
            None => self.reopen(),
        }
    }

    pub(super) fn push(&mut self, name: &str, dir: OwnedFd) {
        self.below.push((name.to_owned(), Some(Arc::new(dir))));
        if let Some(old) = self.below.len().checked_sub(OPEN + 1)
            && let Some((_, dir)) = self.below.get_mut(old)
        {
            *dir = None;
        }
    }

    /// Leaves the directory; its name, or none at the root.
    pub(super) fn pop(&mut self) -> Option<String> {
        self.below.pop().map(|(name, _)| name)
    }

    /// The names from the root, joined by `/`.
    pub(super) fn relative(&self) -> String {
        self.below.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("/")
    }

    fn reopen(&mut self) -> Result<Arc<OwnedFd>, Fault> {
        let mut dir = self.root.clone();
        for (name, _) in &self.below {
            dir = Arc::new(sys::open_directory(&dir, name.as_str()).map_err(errno::path)?);
        }
        if let Some((_, top)) = self.below.last_mut() {
            *top = Some(dir.clone());
        }
        Ok(dir)
    }
}
