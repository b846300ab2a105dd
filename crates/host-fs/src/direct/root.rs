//! The pinned root of a volume, and what is known about the file system under it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

use super::guard::Guard;
use super::resolve::RETRIES;
use super::sys::{self, Look, Reach};

/// The directory every operation starts from.
#[derive(Debug)]
pub(super) struct Root {
    fd: Arc<OwnedFd>,
    quick: AtomicBool,
    local: bool,
    guard: Guard,
}

impl Root {
    pub(super) fn new(fd: OwnedFd, openat2: bool, guard: Guard) -> Self {
        // Names that differ in case may be one file there, so the path written proves nothing.
        let quick = openat2 && !guard.folds();
        let local = sys::is_local(&fd);
        Self { fd: Arc::new(fd), quick: AtomicBool::new(quick), local, guard }
    }

    pub(super) fn fd(&self) -> &Arc<OwnedFd> {
        &self.fd
    }

    pub(super) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Whether reads from memory may be tried on a runtime worker.
    pub(super) fn is_local(&self) -> bool {
        self.local
    }

    /// Whether `openat2` may be tried.
    pub(super) fn quick(&self) -> bool {
        self.quick.load(Ordering::Relaxed)
    }

    /// Opens a directory below the root by one syscall. An error other than `ENOENT` decides nothing: the walk does.
    pub(super) fn beneath(&self, relative: &str) -> Result<OwnedFd, Errno> {
        // Below a mount point could lie the reserved directory under another name; the walk looks.
        let reach = if self.guard.is_empty() { Reach::Mounts } else { Reach::Own };
        let mut result = Err(Errno::AGAIN);
        for _ in 0..RETRIES {
            result = sys::beneath(&self.fd, relative, Look::Directory, reach);
            if !matches!(result, Err(Errno::AGAIN)) {
                break;
            }
        }
        if matches!(result, Err(Errno::NOSYS)) {
            self.quick.store(false, Ordering::Relaxed);
        }
        result
    }

    /// Opens below the root if that takes nothing but memory. None where it cannot be told so.
    pub(super) fn cached(&self, relative: &str, look: Look) -> Option<Result<OwnedFd, Errno>> {
        if !self.local || !self.quick() {
            return None;
        }
        match sys::beneath(&self.fd, relative, look, Reach::Memory) {
            Ok(fd) => Some(Ok(fd)),
            Err(error @ Errno::NOENT) => Some(Err(error)),
            Err(_) => None,
        }
    }
}
