//! Private directories of processes, and what is left of those of a host that is no more.

use std::fs::{self, DirBuilder, DirEntry, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::FlockOperation;

/// For the owner alone.
const PRIVATE: u32 = 0o700;
/// Rights of anybody else.
const OTHERS: u32 = 0o077;
/// Random bytes in the name of a host's folder, in hexadecimal.
const NAME: usize = 16;

/// This host's part of the scratch directory: one folder, locked for as long as the host is there.
#[derive(Debug)]
pub(super) struct Scratch {
    base: PathBuf,
    own: PathBuf,
    next: AtomicU64,
    _lock: File,
}

impl Scratch {
    /// Opens it and removes what hosts before this one left behind.
    pub(super) fn open(base: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(PRIVATE).create(base)?;
        let base = base.canonicalize()?;
        let found = base.metadata()?;
        if found.uid() != rustix::process::getuid().as_raw() || found.mode() & OTHERS != 0 {
            let why = "it is not this user's alone; its mode must be 0700";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        // Whoever starts meanwhile waits, and so never sees a folder that is not locked yet.
        let starting = File::open(&base)?;
        rustix::fs::flock(&starting, FlockOperation::LockExclusive)?;
        for entry in fs::read_dir(&base)? {
            let entry = entry?;
            // Nothing is removed that was not made here.
            if is_a_hosts(&entry) {
                remove_if_left(&entry.path());
            }
        }
        let mut name = [0; NAME];
        getrandom::fill(&mut name).map_err(io::Error::other)?;
        let own = base.join(name.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        DirBuilder::new().mode(PRIVATE).create(&own)?;
        let lock = File::open(&own)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { base, own, next: AtomicU64::new(0), _lock: lock })
    }

    /// The directory itself, without links.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// A new directory for one process.
    pub(super) fn make(&self) -> io::Result<Private> {
        let root = self.own.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        DirBuilder::new().mode(PRIVATE).create(&root)?;
        let private = Private { root };
        for part in [private.home(), private.scratch(), private.injected()] {
            DirBuilder::new().mode(PRIVATE).create(part)?;
        }
        Ok(private)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Not empty if something still runs: then it is left to the next host.
        let _ = fs::remove_dir(&self.own);
    }
}

fn is_a_hosts(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    name.len() == NAME * 2
        && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit)
        && entry.file_type().is_ok_and(|kind| kind.is_dir())
}

fn remove_if_left(folder: &Path) {
    let Ok(lock) = File::open(folder) else { return };
    if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
        remove(folder);
    }
}

/// The directories of one process, removed when it is gone.
#[derive(Debug)]
pub(super) struct Private {
    root: PathBuf,
}

impl Private {
    pub(super) fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    pub(super) fn scratch(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Where injected files are: readable for the process, and not writable.
    pub(super) fn injected(&self) -> PathBuf {
        self.root.join("injected")
    }
}

impl Private {
    /// Removes them; waits for the disk.
    pub(super) fn remove(mut self) {
        remove(&std::mem::take(&mut self.root));
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let root = std::mem::take(&mut self.root);
        if root.as_os_str().is_empty() {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || remove(&root))),
            Err(_) => remove(&root),
        }
    }
}

/// Removes a tree in which nobody works any more.
fn remove(tree: &Path) {
    if fs::remove_dir_all(tree).is_err() {
        open_up(tree);
        if let Err(error) = fs::remove_dir_all(tree)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "what a process left behind cannot be removed");
        }
    }
}

/// Takes back the rights that a process denied its owner.
fn open_up(directory: &Path) {
    let _ = fs::set_permissions(directory, Permissions::from_mode(PRIVATE));
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_go_and_nothing_else_does() {
        let alone = Permissions::from_mode(PRIVATE);
        let base = tempfile::Builder::new().permissions(alone).tempdir().unwrap();
        let left = base.path().join("0".repeat(NAME * 2));
        fs::create_dir_all(left.join("7/home/x")).unwrap();
        fs::write(base.path().join("notes"), "mine").unwrap();
        fs::create_dir(base.path().join("other")).unwrap();
        let first = Scratch::open(base.path()).unwrap();
        assert!(!left.exists());
        // Another host beside it is not disturbed.
        let private = first.make().unwrap();
        let second = Scratch::open(base.path()).unwrap();
        assert!(private.home().is_dir() && private.scratch().is_dir() && private.injected().is_dir());
        private.remove();
        drop((first, second));
        let mut names: Vec<_> =
            fs::read_dir(base.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["notes", "other"]);
    }

    #[test]
    fn a_directory_that_others_can_enter_is_none() {
        let open = Permissions::from_mode(0o755);
        let base = tempfile::Builder::new().permissions(open).tempdir().unwrap();
        assert_eq!(Scratch::open(base.path()).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(base.path().metadata().unwrap().mode() & 0o777, 0o755);
        assert!(Scratch::open(&base.path().join("a/b")).is_ok());
    }
}
