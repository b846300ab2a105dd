//! The syscall seam: every one these backends make, with interrupted ones made again.
//!
//! What only one system has is behind the same names in `linux.rs` and `apple.rs`; the walk by components
//! needs nothing but what both have.

#[cfg(target_vendor = "apple")]
mod apple;
#[cfg(target_os = "linux")]
mod linux;
mod meta;
#[cfg(test)]
pub(crate) mod record;

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, RenameFlags, Timestamps};
use rustix::io::{Errno, retry_on_intr};
use rustix::path::Arg;

#[cfg(target_vendor = "apple")]
use apple as os;
#[cfg(target_os = "linux")]
use linux as os;
pub(crate) use meta::Meta;
pub(crate) use os::{
    Pin, beneath, clone_content, clone_new, copy_range, folds, is_local, link_object, open_directory, pin,
    read_now, stat, stat_at, sync_all, sync_data,
};

/// What is looked for below a root by one syscall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// A directory to resolve from.
    Directory,
    /// The object itself, a link too.
    Object,
    /// The object, not a link.
    Target,
    /// The content of a file.
    Content,
}

/// How far such a look-up may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Into whatever is mounted below.
    Mounts,
    /// Not out of the root's own file system.
    Own,
    /// Only to what is in memory, on the root's own file system.
    Memory,
}

/// Tells a test what is done; costs nothing outside of one.
macro_rules! note {
    ($($said:tt)*) => {{
        #[cfg(test)]
        $crate::direct::sys::record::note(|| format!($($said)*));
    }};
}
pub(crate) use note;

/// The directory of a root, by its path on the host.
pub(crate) fn open_root(directory: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    retry_on_intr(|| rustix::fs::open(directory, flags, Mode::empty()))
}

/// Opens a name, never what it links to.
pub(crate) fn openat(
    dir: impl AsFd,
    name: impl Arg + Copy,
    flags: OFlags,
    mode: u32,
) -> Result<OwnedFd, Errno> {
    note!("open");
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
    retry_on_intr(|| rustix::fs::openat(dir.as_fd(), name, flags, permissions(mode)))
}

/// A directory's own descriptor for reading its names or syncing it, from one that may only resolve.
pub(crate) fn reopen(dir: impl AsFd) -> Result<OwnedFd, Errno> {
    openat(dir, ".", OFlags::RDONLY | OFlags::DIRECTORY, 0)
}

pub(crate) fn readlink(dir: impl AsFd, name: &str) -> Result<String, Errno> {
    note!("readlink");
    let target = retry_on_intr(|| rustix::fs::readlinkat(dir.as_fd(), name, Vec::new()))?;
    target.into_string().map_err(|_| Errno::ILSEQ)
}

/// The names in a directory that is open for reading; the descriptor's own position does not move.
pub(crate) fn list(dir: impl AsFd) -> Result<Dir, Errno> {
    note!("list");
    Dir::read_from(dir)
}

pub(crate) fn mkdir(dir: impl AsFd, name: &str, mode: u32) -> Result<(), Errno> {
    note!("mkdir {name}");
    retry_on_intr(|| rustix::fs::mkdirat(dir.as_fd(), name, permissions(mode)))
}

pub(crate) fn symlink(target: &str, dir: impl AsFd, name: &str) -> Result<(), Errno> {
    note!("symlink {name}");
    retry_on_intr(|| rustix::fs::symlinkat(target, dir.as_fd(), name))
}

/// Takes away a name that is no directory.
pub(crate) fn unlink(dir: impl AsFd, name: impl Arg + Copy) -> Result<(), Errno> {
    note!("unlink {}", name.to_string_lossy());
    retry_on_intr(|| rustix::fs::unlinkat(dir.as_fd(), name, AtFlags::empty()))
}

/// Takes away an empty directory.
pub(crate) fn rmdir(dir: impl AsFd, name: impl Arg + Copy) -> Result<(), Errno> {
    note!("rmdir {}", name.to_string_lossy());
    retry_on_intr(|| rustix::fs::unlinkat(dir.as_fd(), name, AtFlags::REMOVEDIR))
}

pub(crate) fn rename(from: impl AsFd, old: &str, to: impl AsFd, new: &str) -> Result<(), Errno> {
    note!("rename {old} {new}");
    retry_on_intr(|| rustix::fs::renameat(from.as_fd(), old, to.as_fd(), new))
}

/// Renames within a directory to a name that must be free.
pub(crate) fn rename_new(dir: impl AsFd, old: &str, new: &str) -> Result<(), Errno> {
    note!("rename {old} {new}");
    let (dir, free) = (dir.as_fd(), RenameFlags::NOREPLACE);
    retry_on_intr(|| rustix::fs::renameat_with(dir, old, dir, new, free))
}

/// Gives what a name stands for another one.
pub(crate) fn link(from: impl AsFd, old: &str, to: impl AsFd, new: &str) -> Result<(), Errno> {
    note!("link {old} {new}");
    rustix::fs::linkat(from, old, to, new, AtFlags::empty())
}

/// Sets the permission bits of what a name stands for.
pub(crate) fn chmod_at(dir: impl AsFd, name: &str, mode: u32) -> Result<(), Errno> {
    note!("chmod {name}");
    retry_on_intr(|| rustix::fs::chmodat(dir.as_fd(), name, permissions(mode), AtFlags::empty()))
}

pub(crate) fn chmod(fd: impl AsFd, mode: u32) -> Result<(), Errno> {
    note!("chmod");
    retry_on_intr(|| rustix::fs::fchmod(fd.as_fd(), permissions(mode)))
}

pub(crate) fn chown(fd: impl AsFd, (user, group): (u32, u32)) -> Result<(), Errno> {
    note!("chown");
    let (user, group) = (rustix::fs::Uid::from_raw(user), rustix::fs::Gid::from_raw(group));
    retry_on_intr(|| rustix::fs::fchown(fd.as_fd(), Some(user), Some(group)))
}

pub(crate) fn set_times(fd: impl AsFd, times: &Timestamps) -> Result<(), Errno> {
    note!("times");
    retry_on_intr(|| rustix::fs::futimens(fd.as_fd(), times))
}

pub(crate) fn cut(fd: impl AsFd, size: u64) -> Result<(), Errno> {
    note!("cut");
    retry_on_intr(|| rustix::fs::ftruncate(fd.as_fd(), size))
}

pub(crate) fn read(fd: impl AsFd, buffer: &mut [u8], at: u64) -> Result<usize, Errno> {
    note!("read");
    retry_on_intr(|| rustix::io::pread(fd.as_fd(), &mut *buffer, at))
}

pub(crate) fn write(fd: impl AsFd, data: &[u8], at: u64) -> Result<usize, Errno> {
    note!("write");
    retry_on_intr(|| rustix::io::pwrite(fd.as_fd(), data, at))
}

/// Writes where the descriptor stands: at the end, for one that appends.
pub(crate) fn write_on(fd: impl AsFd, data: &[u8]) -> Result<usize, Errno> {
    note!("append {}", data.len());
    retry_on_intr(|| rustix::io::write(fd.as_fd(), data))
}

/// Locks a directory against other processes that ask, until [`unlock`] or the process's end.
pub(crate) fn lock(dir: impl AsFd) -> Result<(), Errno> {
    retry_on_intr(|| rustix::fs::flock(dir.as_fd(), FlockOperation::NonBlockingLockExclusive))
}

/// Takes the lock back at once. Closing the descriptor alone would leave it to a child that another thread is about
/// to start, until that has become its program.
pub(crate) fn unlock(dir: impl AsFd) -> Result<(), Errno> {
    retry_on_intr(|| rustix::fs::flock(dir.as_fd(), FlockOperation::Unlock))
}

/// Whether permission bits do not bind this process.
pub(crate) fn is_privileged() -> bool {
    rustix::process::geteuid().is_root()
}

/// The type differs between systems, the meaning does not.
fn permissions(mode: u32) -> Mode {
    Mode::from_bits_truncate((mode & 0o7777) as rustix::fs::RawMode)
}
