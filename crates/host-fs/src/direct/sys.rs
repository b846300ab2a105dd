//! The syscall seam: every one this backend makes, with interrupted ones made again.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Statx, StatxFlags};
use rustix::io::{Errno, retry_on_intr};
use rustix::path::Arg;

use crate::volume::{FileId, FileKind, FileStat, Timestamp};

/// What every descriptor made here is opened with besides. `openat2` refuses what means nothing for a
/// descriptor that only resolves, where `openat` ignores it.
fn always(flags: OFlags) -> OFlags {
    let flags = flags | OFlags::CLOEXEC;
    if flags.contains(OFlags::PATH) { flags } else { flags | OFlags::NOCTTY }
}

/// A directory to resolve from. Needs no permission to read it.
pub(crate) const PIN: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW);

/// What `openat2` must never pass: the root, a link.
pub(crate) const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS).union(ResolveFlags::NO_SYMLINKS);

pub(crate) fn openat2(
    dir: impl AsFd,
    path: &str,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let path = if path.is_empty() { "." } else { path };
    retry_on_intr(|| rustix::fs::openat2(dir.as_fd(), path, always(flags), Mode::empty(), resolve))
}

pub(crate) fn openat(
    dir: impl AsFd,
    name: impl Arg + Copy,
    flags: OFlags,
    mode: u32,
) -> Result<OwnedFd, Errno> {
    let mode = Mode::from_raw_mode(mode);
    retry_on_intr(|| rustix::fs::openat(dir.as_fd(), name, always(flags) | OFlags::NOFOLLOW, mode))
}

/// What the system says of the object a descriptor stands for.
pub(crate) fn stat(fd: impl AsFd) -> Result<Meta, Errno> {
    statx(fd, "", AtFlags::EMPTY_PATH)
}

/// What the system says of a name, never of what it links to.
pub(crate) fn stat_at(dir: impl AsFd, name: impl Arg + Copy) -> Result<Meta, Errno> {
    statx(dir, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT)
}

fn statx(dir: impl AsFd, name: impl Arg + Copy, flags: AtFlags) -> Result<Meta, Errno> {
    let mask = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    Ok(Meta(retry_on_intr(|| rustix::fs::statx(dir.as_fd(), name, flags, mask))?))
}

pub(crate) fn readlink(dir: impl AsFd, name: &str) -> Result<String, Errno> {
    let target = retry_on_intr(|| rustix::fs::readlinkat(dir.as_fd(), name, Vec::new()))?;
    target.into_string().map_err(|_| Errno::ILSEQ)
}

/// What is known about an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta(Statx);

impl Meta {
    pub(crate) fn kind(&self) -> FileKind {
        use rustix::fs::FileType;
        match FileType::from_raw_mode(self.0.stx_mode.into()) {
            FileType::RegularFile => FileKind::Regular,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::Symlink,
            FileType::BlockDevice => FileKind::BlockDevice,
            FileType::CharacterDevice => FileKind::CharacterDevice,
            FileType::Fifo => FileKind::Fifo,
            FileType::Socket => FileKind::Socket,
            FileType::Unknown => FileKind::Unknown,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.0.stx_size
    }

    pub(crate) fn links(&self) -> u32 {
        self.0.stx_nlink
    }

    pub(crate) fn permissions(&self) -> u32 {
        u32::from(self.0.stx_mode) & 0o7777
    }

    pub(crate) fn owner(&self) -> (u32, u32) {
        (self.0.stx_uid, self.0.stx_gid)
    }

    pub(crate) fn id(&self) -> FileId {
        FileId {
            device: (u64::from(self.0.stx_dev_major) << 32) | u64::from(self.0.stx_dev_minor),
            inode: self.0.stx_ino,
        }
    }

    /// As guests see it; `size` of a link is the caller's to correct.
    pub(crate) fn public(&self) -> FileStat {
        let has = |flag: StatxFlags| self.0.stx_mask & flag.bits() != 0;
        let time = |flag, at: rustix::fs::StatxTimestamp| {
            has(flag).then_some(Timestamp { seconds: at.tv_sec, nanoseconds: at.tv_nsec })
        };
        FileStat {
            size: self.0.stx_size,
            kind: self.kind(),
            mode: self.0.stx_mode.into(),
            modified: time(StatxFlags::MTIME, self.0.stx_mtime),
            created: time(StatxFlags::BTIME, self.0.stx_btime),
            accessed: time(StatxFlags::ATIME, self.0.stx_atime),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openat2_takes_the_flags_of_a_pin_and_of_a_read() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("f"), "x").unwrap();
        let root = rustix::fs::open(directory.path(), OFlags::RDONLY, Mode::empty()).unwrap();
        for flags in [PIN, OFlags::PATH, OFlags::RDONLY | OFlags::NONBLOCK] {
            let opened = openat2(&root, "f", flags, BENEATH).map(|fd| stat(fd).unwrap().size());
            // A kernel or sandbox without it is the walk's business; a refusal of the flags is ours.
            assert!(matches!(opened, Ok(1) | Err(Errno::NOSYS | Errno::PERM)), "{flags:?}: {opened:?}");
        }
    }
}
