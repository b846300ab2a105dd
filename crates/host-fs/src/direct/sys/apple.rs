//! What macOS has in place of what Linux has. There is no descriptor that only resolves: a directory that
//! may be searched and not read is an access error, and of a file that may not be read nothing is known
//! once its name is gone.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, CloneFlags, OFlags, Stat, Timespec, Timestamps, UTIME_NOW};
use rustix::io::{Errno, retry_on_intr};
use rustix::path::Arg;

use super::{Look, Meta, Reach, note, openat, set_times, unlink};
use crate::volume::{FileId, FileKind, Timestamp};

/// How often a name may turn into something else while it is looked at.
const RETRIES: usize = 8;

/// The object a name stood for.
#[derive(Debug)]
pub(crate) struct Pin {
    meta: Meta,
    /// Of a directory; of a regular file if it may be read.
    fd: Option<OwnedFd>,
    /// Of a link.
    text: Option<String>,
}

/// Takes hold of what a name stands for: looked at first, so that nothing is opened that opening alters.
pub(crate) fn pin(dir: impl AsFd, name: impl Arg + Copy) -> Result<Pin, Errno> {
    for _ in 0..RETRIES {
        let meta = stat_at(&dir, name)?;
        match meta.kind() {
            FileKind::Directory => match open_directory(&dir, name) {
                Ok(fd) => return Ok(Pin { meta: stat(&fd)?, fd: Some(fd), text: None }),
                Err(Errno::NOTDIR) => {}
                Err(error) => return Err(error),
            },
            FileKind::Symlink => {
                let read = retry_on_intr(|| rustix::fs::readlinkat(dir.as_fd(), name, Vec::new()));
                match read {
                    Ok(text) => {
                        let text = text.into_string().map_err(|_| Errno::ILSEQ)?;
                        return Ok(Pin { meta, fd: None, text: Some(text) });
                    }
                    Err(Errno::INVAL) => {}
                    Err(error) => return Err(error),
                }
            }
            FileKind::Regular => match openat(&dir, name, OFlags::RDONLY | OFlags::NONBLOCK, 0) {
                Ok(fd) => return Ok(Pin { meta: stat(&fd)?, fd: Some(fd), text: None }),
                Err(Errno::ACCESS | Errno::PERM) => return Ok(Pin { meta, fd: None, text: None }),
                Err(Errno::LOOP | Errno::NOENT) => {}
                Err(error) => return Err(error),
            },
            _ => return Ok(Pin { meta, fd: None, text: None }),
        }
    }
    Err(Errno::AGAIN)
}

impl Pin {
    /// What was known when it was taken hold of.
    pub(crate) fn meta(&self) -> Meta {
        self.meta
    }

    /// What is known now, its name gone or not; of a file that may not be read, as if a name were gone.
    pub(crate) fn now(&self) -> Result<Meta, Errno> {
        match &self.fd {
            Some(fd) => stat(fd),
            None => Ok(Meta { links: self.meta.links.saturating_sub(1), ..self.meta }),
        }
    }

    /// The descriptor of a directory, to resolve from.
    pub(crate) fn into_directory(self) -> Result<OwnedFd, Errno> {
        self.fd.ok_or(Errno::NOTDIR)
    }

    /// The text of a link.
    pub(crate) fn link_text(&self) -> Result<String, Errno> {
        self.text.clone().ok_or(Errno::INVAL)
    }
}

/// A directory to resolve from. Linux says `ENOTDIR` where this system says that it follows no link.
pub(crate) fn open_directory(dir: impl AsFd, name: impl Arg + Copy) -> Result<OwnedFd, Errno> {
    match openat(dir, name, OFlags::RDONLY | OFlags::DIRECTORY, 0) {
        Err(Errno::LOOP) => Err(Errno::NOTDIR),
        opened => opened,
    }
}

/// There is no such syscall: every path is walked.
pub(crate) fn beneath(_: impl AsFd, _: &str, _: Look, _: Reach) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

/// What the system says of the object a descriptor stands for.
pub(crate) fn stat(fd: impl AsFd) -> Result<Meta, Errno> {
    note!("stat of a descriptor");
    Ok(meta(&retry_on_intr(|| rustix::fs::fstat(fd.as_fd()))?))
}

/// What the system says of a name, never of what it links to.
pub(crate) fn stat_at(dir: impl AsFd, name: impl Arg + Copy) -> Result<Meta, Errno> {
    note!("stat");
    Ok(meta(&retry_on_intr(|| rustix::fs::statat(dir.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW))?))
}

fn meta(said: &Stat) -> Meta {
    let time = |seconds: i64, nanoseconds: i64| {
        let nanoseconds = u32::try_from(nanoseconds).ok()?;
        Some(Timestamp { seconds, nanoseconds })
    };
    Meta {
        id: FileId { device: u64::from(said.st_dev.cast_unsigned()), inode: said.st_ino },
        size: u64::try_from(said.st_size).unwrap_or_default(),
        mode: said.st_mode.into(),
        links: said.st_nlink.into(),
        owner: (said.st_uid, said.st_gid),
        modified: time(said.st_mtime, said.st_mtime_nsec),
        created: time(said.st_birthtime, said.st_birthtime_nsec),
        accessed: time(said.st_atime, said.st_atime_nsec),
    }
}

/// Nothing tells here whether a read would wait.
pub(crate) fn is_local(_: impl AsFd) -> bool {
    false
}

/// Its file systems fold case unless they were made not to, and the library does not ask them.
pub(crate) fn folds(_: impl AsFd) -> bool {
    true
}

/// Nothing reads only what is in memory.
pub(crate) fn read_now(_: impl AsFd, _: &mut [u8], _: u64) -> Result<usize, Errno> {
    Err(Errno::OPNOTSUPP)
}

/// A new file that shares the content of another, if the file system makes such; its times are those of a copy.
pub(crate) fn clone_new(from: impl AsFd, dir: impl AsFd, name: &str) -> Option<OwnedFd> {
    note!("clone {name}");
    rustix::fs::fclonefileat(from, &dir, name, CloneFlags::NOFOLLOW | CloneFlags::NOOWNERCOPY).ok()?;
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    let file = openat(&dir, name, OFlags::RDWR, 0).and_then(|file| set_times(&file, &times).map(|()| file));
    if file.is_err() {
        // One that was copied read-only: it is copied piece by piece instead, under the same name.
        let _ = unlink(dir, name);
    }
    file.ok()
}

/// Clones are made by name here, and so only of whole new files.
pub(crate) fn clone_content(_: impl AsFd, _: impl AsFd) -> bool {
    false
}

/// Nothing copies between two descriptors in pieces.
pub(crate) fn copy_range(_: impl AsFd, _: impl AsFd, _: u64, _: usize) -> Result<usize, Errno> {
    Err(Errno::OPNOTSUPP)
}

/// Only names can be linked.
pub(crate) fn link_object(_: &Pin, _: impl AsFd, _: &str) -> Result<(), Errno> {
    Err(Errno::NOENT)
}

/// Waits until a file is on the device.
pub(crate) fn sync_data(fd: impl AsFd) -> Result<(), Errno> {
    sync_all(fd)
}

/// Waits until a file, or the names of a directory, are on the device: `fsync` stops at the drive's cache.
pub(crate) fn sync_all(fd: impl AsFd) -> Result<(), Errno> {
    note!("sync");
    match retry_on_intr(|| rustix::fs::fcntl_fullfsync(fd.as_fd())) {
        // File systems that are not on a drive of this machine have nothing to flush there.
        Err(Errno::OPNOTSUPP | Errno::NOTSUP | Errno::INVAL | Errno::NOTTY) => {
            retry_on_intr(|| rustix::fs::fsync(fd.as_fd()))
        }
        synced => synced,
    }
}
