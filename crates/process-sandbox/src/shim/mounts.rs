//! What Landlock does not know: modes, owners, times and attributes. Where a mount namespace is to be had without
//! bubblewrap, nothing but the grants can be changed in it, and `/proc` shows the sandbox alone.

use std::io;
use std::path::Path;

use rustix::fs::CWD;
use rustix::mount::{MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags};

use crate::plan::Raw;

/// Moves this process to a mount namespace in which directories among `writes` are as they were, and all else is
/// read-only.
pub(super) fn hold(writes: &[Raw]) -> io::Result<()> {
    crate::raw::unshare_mounts()?;
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    // Copied before, so that what is read-only in them stays so and nothing else becomes it.
    let copy =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let mut copies = Vec::new();
    for path in writes.iter().map(Raw::path).filter(|path| path.is_dir()) {
        copies.push((path, rustix::mount::open_tree(CWD, path, copy)?));
    }
    crate::raw::make_read_only(c"/")?;
    for (path, tree) in copies {
        rustix::mount::move_mount(tree, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    }
    // Refused where the host itself lives in a container that hides parts of its own: then it stays as it is.
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let _ = rustix::mount::mount("proc", Path::new("/proc"), "proc", flags, None);
    Ok(())
}
