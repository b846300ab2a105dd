//! The pinned root of a volume, and what is known about the file system under it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{IFlags, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::guard::Guard;
use super::resolve::RETRIES;
use super::sys;

/// File systems whose cached look-ups, opens and reads never ask another process or machine.
const LOCAL: [u64; 7] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0x0102_1994, // tmpfs
    0xf2f5_2010, // f2fs
    0x2fc1_2fc1, // zfs
    0xca45_1a4e, // bcachefs
];

/// The attribute of directories whose names match whatever their case; the library has no name for it.
const CASEFOLD: IFlags = IFlags::from_bits_retain(0x4000_0000);

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
        let folds = rustix::fs::ioctl_getflags(&fd).is_ok_and(|flags| flags.contains(CASEFOLD));
        let kind = rustix::fs::fstatfs(&fd).ok().and_then(|fs| u64::try_from(fs.f_type).ok());
        let local = kind.is_some_and(|kind| LOCAL.contains(&kind));
        Self { fd: Arc::new(fd), quick: AtomicBool::new(openat2 && !folds), local, guard }
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

    /// Opens below the root by one syscall. An error other than `ENOENT` decides nothing: the walk does.
    pub(super) fn beneath(&self, relative: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut resolve = sys::BENEATH;
        if !self.guard.is_empty() {
            // Below a mount point could lie the reserved directory under another name; the walk looks.
            resolve |= ResolveFlags::NO_XDEV;
        }
        let mut result = Err(Errno::AGAIN);
        for _ in 0..RETRIES {
            result = sys::openat2(&self.fd, relative, flags, resolve);
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
    pub(super) fn cached(&self, relative: &str, flags: OFlags) -> Option<Result<OwnedFd, Errno>> {
        if !self.local || !self.quick() {
            return None;
        }
        let resolve = sys::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::CACHED;
        match sys::openat2(&self.fd, relative, flags, resolve) {
            Ok(fd) => Some(Ok(fd)),
            Err(error @ Errno::NOENT) => Some(Err(error)),
            Err(_) => None,
        }
    }
}
