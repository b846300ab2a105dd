//! Private directories of processes, and what is left of those of a host that is no more.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::FlockOperation;

/// For the owner alone.
const PRIVATE: u32 = 0o700;

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
        if found.uid() != rustix::process::getuid().as_raw() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
        }
        fs::set_permissions(&base, Permissions::from_mode(PRIVATE))?;
        // Whoever starts meanwhile waits, and so never sees a folder that is not locked yet.
        let starting = File::open(&base)?;
        rustix::fs::flock(&starting, FlockOperation::LockExclusive)?;
        for entry in fs::read_dir(&base)? {
            remove_if_left(&entry?.path());
        }
        let mut name = [0; 16];
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
