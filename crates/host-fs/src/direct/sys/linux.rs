//! What Linux has: descriptors that only resolve, `openat2`, `statx`, reads that do not wait, and copies
//! the file system makes.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{AtFlags, IFlags, Mode, OFlags, ResolveFlags, Statx, StatxFlags, StatxTimestamp};
use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};
use rustix::path::Arg;

use super::{Look, Meta, Reach, note, openat, readlink};
use crate::volume::{FileId, Timestamp};

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

/// File systems whose names match whatever their case, all of them.
const FOLDING: [u64; 6] = [
    0x4d44,      // fat
    0x2011_bab0, // exfat
    0x7366_746e, // ntfs
    0xff53_4d42, // cifs
    0xfe53_4d42, // smb
    0x482b,      // hfs+
];

/// The attribute of directories whose names match whatever their case; the library has no name for it.
const CASEFOLD: IFlags = IFlags::from_bits_retain(0x4000_0000);

/// What a look-up from the root must never pass: the root, a link.
const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS).union(ResolveFlags::NO_SYMLINKS);

/// The object a name stood for, a link too. Needs no permission to read it.
#[derive(Debug)]
pub(crate) struct Pin {
    fd: OwnedFd,
    meta: Meta,
}

/// Takes hold of what a name stands for.
pub(crate) fn pin(dir: impl AsFd, name: impl Arg + Copy) -> Result<Pin, Errno> {
    let fd = openat(dir, name, OFlags::PATH, 0)?;
    let meta = stat(&fd)?;
    Ok(Pin { fd, meta })
}

impl Pin {
    /// What was known when it was taken hold of.
    pub(crate) fn meta(&self) -> Meta {
        self.meta
    }

    /// What is known now, its name gone or not.
    pub(crate) fn now(&self) -> Result<Meta, Errno> {
        stat(&self.fd)
    }

    /// The descriptor of a directory, to resolve from.
    pub(crate) fn into_directory(self) -> Result<OwnedFd, Errno> {
        Ok(self.fd)
    }

    /// The text of a link.
    pub(crate) fn link_text(&self) -> Result<String, Errno> {
        readlink(&self.fd, "")
    }
}

/// A directory to resolve from. Needs no permission to read it.
pub(crate) fn open_directory(dir: impl AsFd, name: impl Arg + Copy) -> Result<OwnedFd, Errno> {
    openat(dir, name, OFlags::PATH | OFlags::DIRECTORY, 0)
}

/// Opens below the root by one syscall.
pub(crate) fn beneath(root: impl AsFd, path: &str, look: Look, reach: Reach) -> Result<OwnedFd, Errno> {
    let path = if path.is_empty() { "." } else { path };
    let flags = match look {
        Look::Directory => OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY,
        Look::Object => OFlags::PATH | OFlags::NOFOLLOW,
        Look::Target => OFlags::PATH,
        // What means nothing for a descriptor that only resolves, openat2 refuses.
        Look::Content => OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY,
    };
    let resolve = match reach {
        Reach::Mounts => BENEATH,
        Reach::Own => BENEATH | ResolveFlags::NO_XDEV,
        Reach::Memory => BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::CACHED,
    };
    note!("openat2{}", if reach == Reach::Memory { " from memory" } else { "" });
    let flags = flags | OFlags::CLOEXEC;
    retry_on_intr(|| rustix::fs::openat2(root.as_fd(), path, flags, Mode::empty(), resolve))
}

/// What the system says of the object a descriptor stands for.
pub(crate) fn stat(fd: impl AsFd) -> Result<Meta, Errno> {
    note!("stat of a descriptor");
    statx(fd, "", AtFlags::EMPTY_PATH)
}

/// What the system says of a name, never of what it links to.
pub(crate) fn stat_at(dir: impl AsFd, name: impl Arg + Copy) -> Result<Meta, Errno> {
    note!("stat");
    statx(dir, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT)
}

fn statx(dir: impl AsFd, name: impl Arg + Copy, flags: AtFlags) -> Result<Meta, Errno> {
    let mask = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    Ok(meta(&retry_on_intr(|| rustix::fs::statx(dir.as_fd(), name, flags, mask))?))
}

fn meta(said: &Statx) -> Meta {
    let time = |flag: StatxFlags, at: StatxTimestamp| {
        let told = said.stx_mask & flag.bits() != 0;
        told.then_some(Timestamp { seconds: at.tv_sec, nanoseconds: at.tv_nsec })
    };
    let device = (u64::from(said.stx_dev_major) << 32) | u64::from(said.stx_dev_minor);
    Meta {
        id: FileId { device, inode: said.stx_ino },
        size: said.stx_size,
        mode: said.stx_mode.into(),
        links: said.stx_nlink,
        owner: (said.stx_uid, said.stx_gid),
        modified: time(StatxFlags::MTIME, said.stx_mtime),
        created: time(StatxFlags::BTIME, said.stx_btime),
        accessed: time(StatxFlags::ATIME, said.stx_atime),
    }
}

/// Whether reads from memory may be tried on a runtime worker.
pub(crate) fn is_local(root: impl AsFd) -> bool {
    kind(root).is_some_and(|kind| LOCAL.contains(&kind))
}

/// The number a file system is known by.
fn kind(fd: impl AsFd) -> Option<u64> {
    rustix::fs::fstatfs(fd).ok().and_then(|fs| u64::try_from(fs.f_type).ok())
}

/// Whether names in a directory match whatever their case.
pub(crate) fn folds(directory: impl AsFd) -> bool {
    kind(&directory).is_some_and(|kind| FOLDING.contains(&kind))
        || rustix::fs::ioctl_getflags(directory).is_ok_and(|flags| flags.contains(CASEFOLD))
}

/// Reads what is in memory.
pub(crate) fn read_now(fd: impl AsFd, buffer: &mut [u8], at: u64) -> Result<usize, Errno> {
    note!("read from memory");
    rustix::io::preadv2(fd, &mut [IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT)
}

/// Files are cloned into one that is there.
pub(crate) fn clone_new(_: impl AsFd, _: impl AsFd, _: &str) -> Option<OwnedFd> {
    None
}

/// Lets an empty file share the content of another; false if the file system does not.
pub(crate) fn clone_content(from: impl AsFd, to: impl AsFd) -> bool {
    note!("clone");
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

/// Lets the system copy a piece without moving it through this process; how much it did.
pub(crate) fn copy_range(from: impl AsFd, to: impl AsFd, at: u64, length: usize) -> Result<usize, Errno> {
    note!("copy");
    let (from, to) = (from.as_fd(), to.as_fd());
    retry_on_intr(|| {
        let (mut input, mut output) = (at, at);
        rustix::fs::copy_file_range(from, Some(&mut input), to, Some(&mut output), length)
    })
}

/// Gives the object itself another name; `ENOENT` where only names can be linked.
pub(crate) fn link_object(object: &Pin, to: impl AsFd, new: &str) -> Result<(), Errno> {
    note!("link {new}");
    match rustix::fs::linkat(&object.fd, "", &to, new, AtFlags::EMPTY_PATH) {
        // Older kernels want a privilege for that; the descriptor's own link in /proc does without.
        Err(Errno::NOENT | Errno::PERM | Errno::ACCESS) => {}
        other => return other,
    }
    let own = format!("/proc/self/fd/{}", object.fd.as_raw_fd());
    rustix::fs::linkat(rustix::fs::CWD, own, to, new, AtFlags::SYMLINK_FOLLOW)
}

/// Waits until the content of a file is on the device.
pub(crate) fn sync_data(fd: impl AsFd) -> Result<(), Errno> {
    note!("sync data {}", super::record::inode(&fd));
    retry_on_intr(|| rustix::fs::fdatasync(fd.as_fd()))
}

/// Waits until a file, or the names of a directory, are on the device.
pub(crate) fn sync_all(fd: impl AsFd) -> Result<(), Errno> {
    note!("sync {}", super::record::inode(&fd));
    retry_on_intr(|| rustix::fs::fsync(fd.as_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openat2_takes_the_flags_of_every_look() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("f"), "x").unwrap();
        let root = super::super::open_root(directory.path()).unwrap();
        for look in [Look::Object, Look::Target, Look::Content] {
            let opened = beneath(&root, "f", look, Reach::Own).map(|fd| stat(fd).unwrap().size());
            // A kernel or sandbox without it is the walk's business; a refusal of the flags is ours.
            assert!(matches!(opened, Ok(1) | Err(Errno::NOSYS | Errno::PERM)), "{look:?}: {opened:?}");
        }
        let opened = beneath(&root, "", Look::Directory, Reach::Mounts).map(drop);
        assert!(matches!(opened, Ok(()) | Err(Errno::NOSYS | Errno::PERM)), "{opened:?}");
    }
}
