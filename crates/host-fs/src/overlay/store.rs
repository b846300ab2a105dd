//! The directory that keeps the changes of one overlay.
//!
//! ```text
//! changes/tree/     the upper tree
//! changes/cuts      where the lower tree is not seen
//! changes/journal   there while a commit runs: one byte for each step that is done
//! discarded.N/      changes that are decided on, and on their way out
//! ```
//!
//! Changes end by one rename of `changes`, so that they are there as a whole or not at all.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use parking_lot::{Mutex, RwLock};
use rustix::io::Errno;

use super::cuts::Cuts;
use super::{Layers, OverlayError, exact};
use crate::direct::sys;
use crate::fault::{Fault, Text};
use crate::volume::{File, OpenMode, Stop, Volume};
use crate::{Direct, Scheme, VfsPath};

const CHANGES: &str = "changes";
const TREE: &str = "changes/tree";
const CUTS: &str = "changes/cuts";
const JOURNAL: &str = "changes/journal";
const DISCARDED: &str = "discarded.";

/// The directory, locked for this process.
#[derive(Debug)]
pub(super) struct Store {
    dir: Direct,
    scheme: Scheme,
    stop: Stop,
}

impl Drop for Store {
    fn drop(&mut self) {
        // What fails here is done by the closing that follows.
        let _ = sys::unlock(self.dir.top());
    }
}

impl Store {
    /// `openat2` says whether paths in it may be looked up by that.
    pub(super) fn open(directory: &Path, scheme: Scheme, openat2: bool) -> Result<Self, OverlayError> {
        make(directory)?;
        let dir = Direct::builder().openat2(openat2).file_mode(0o600).open(directory)?;
        match sys::lock(dir.top()) {
            Err(Errno::WOULDBLOCK) => return Err(OverlayError::InUse),
            locked => locked.map_err(std::io::Error::from)?,
        }
        let store = Self { dir, scheme, stop: super::commit::never() };
        store.sweep();
        Ok(store)
    }

    /// The changes that are kept, or none yet.
    pub(super) fn layers(&self) -> Result<Layers, OverlayError> {
        self.open_layers().map_err(|fault| OverlayError::At { path: CHANGES.to_owned(), fault })
    }

    fn open_layers(&self) -> Result<Layers, Fault> {
        self.dir.make_dirs(exact(&path(TREE), &self.stop))?;
        let upper = Direct::builder_for(self.scheme)
            .openat2(self.dir.is_quick())
            .reserved(&[])
            .on(self.dir.directory(TREE)?);
        upper.scan();
        let log = self.file(CUTS, OpenMode::Append)?;
        let cuts = Cuts::load(&*self.file(CUTS, OpenMode::Read)?, log)?;
        Ok(Layers { upper, cuts: RwLock::new(cuts), turn: Mutex::default() })
    }

    /// Ends the changes, and begins with none. Whatever fails, they are there as a whole or not at all.
    pub(super) fn discard(&self) -> Result<Layers, OverlayError> {
        let discarded = |fault| OverlayError::At { path: CHANGES.to_owned(), fault };
        let name = self.free_name().map_err(discarded)?;
        let moved = self.dir.rename(exact(&path(CHANGES), &self.stop), exact(&path(&name), &self.stop));
        moved.map_err(discarded)?;
        // Before anything of them goes, so that no power failure brings a part of them back.
        self.dir.sync_directory("").map_err(discarded)?;
        let layers = self.layers();
        self.sweep();
        layers
    }

    /// The journal of a commit that was begun, if any.
    pub(super) fn begun(&self) -> Result<Option<Box<dyn File>>, Fault> {
        match self.dir.peek(&path(JOURNAL))? {
            Some(_) => self.begin().map(Some),
            None => Ok(None),
        }
    }

    /// Begins or goes on with a commit, of changes that are on the device.
    pub(super) fn begin(&self) -> Result<Box<dyn File>, Fault> {
        let journal = self.file(JOURNAL, OpenMode::Append)?;
        journal.sync(true)?;
        Ok(journal)
    }

    /// Waits until the names of what keeps the changes are on the device.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        self.dir.sync_directory(CHANGES)?;
        self.dir.sync_directory("")
    }

    /// Takes a commit back that could not go on: all changes are still there.
    pub(super) fn give_up(&self) {
        let gone = self.dir.unlink(exact(&path(JOURNAL), &self.stop));
        if let Err(fault) = gone.and_then(|()| self.dir.sync_directory(CHANGES)) {
            tracing::warn!(target: "astrid.host", %fault, "the journal of a commit cannot be removed");
        }
    }

    fn file(&self, name: &str, mode: OpenMode) -> Result<Box<dyn File>, Fault> {
        self.dir.open(exact(&path(name), &self.stop), mode)
    }

    fn free_name(&self) -> Result<String, Fault> {
        for number in 0..u32::MAX {
            let name = format!("{DISCARDED}{number}");
            if self.dir.peek(&path(&name))?.is_none() {
                return Ok(name);
            }
        }
        Err(Fault::Unknown(Text::RetryLimit))
    }

    /// Removes changes that are decided on. What cannot be removed now is tried again at the next open.
    fn sweep(&self) {
        let Ok(children) = self.dir.children("") else { return };
        let names = children.iter().filter_map(|(name, _)| name.to_str().ok());
        for name in names.filter(|name| name.starts_with(DISCARDED)) {
            if let Err(fault) = self.dir.remove_all(exact(&path(name), &self.stop)) {
                tracing::warn!(target: "astrid.host", %fault, "discarded changes cannot be removed yet");
            }
        }
    }
}

/// Makes a directory and those above it that are missing, each on the device before anything depends on it.
fn make(directory: &Path) -> std::io::Result<()> {
    let missing: Vec<_> = directory.ancestors().take_while(|above| !above.is_dir()).collect();
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    for made in missing {
        let above = made.parent().filter(|above| !above.as_os_str().is_empty());
        sys::sync_all(sys::open_root(above.unwrap_or(Path::new(".")))?)?;
    }
    Ok(())
}

/// A path below the directory; the scheme is never shown.
fn path(relative: &str) -> VfsPath {
    VfsPath::resolved(Scheme::Workspace, relative)
}
