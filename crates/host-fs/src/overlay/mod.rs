//! The backend that keeps a principal's changes apart from the directory they are made to.
//!
//! Two trees make one: what is in the upper is seen over what is in the lower, directories of both are
//! merged, and the lower is never written until somebody says [`Overlay::commit`]. Both trees are
//! [`Direct`] volumes; resolution walks them together, and an effect is then one of theirs on a path that
//! is resolved.
//!
//! | room | file |
//! |---|---|
//! | resolution in both trees | `find.rs` |
//! | where the lower is not seen any more | `cuts.rs` |
//! | copying up | `raise.rs` |
//! | questions, reading, writing | `content.rs`, `held.rs` |
//! | names: create, rename, link, remove | `names.rs`, `tally.rs` |
//! | the directory all of it is kept in | `store.rs` |
//! | what changed, commit and rollback | `changes.rs`, `plan.rs`, `commit.rs` |
//! | one overlay for each principal | `each.rs` |
//!
//! Order of effects: a cut is made while the upper tree hides what it cuts, or is itself the effect. So a
//! process that is killed between two steps leaves what was seen before or what is seen after.
//!
//! A power failure may take changes that nobody decided on, as it may in any workspace; it never takes what
//! lies in the lower tree. A commit has its changes on the device before its journal, a part of the lower
//! tree before that part is in the journal, and all of it before the changes end.
//!
//! What differs from a [`Direct`] volume: a file that is open for reading when it is first written keeps
//! the content it had; two names of one file in the lower tree become two files when one is written; pipes,
//! sockets and devices of the lower tree can be removed and not renamed; and a directory of the lower tree
//! that holds a name which is not UTF-8 cannot be renamed. Grants of places the host reserves are not known here:
//! overlays are for workspaces.

mod changes;
mod commit;
mod content;
mod cuts;
mod each;
mod find;
mod held;
mod names;
mod plan;
#[cfg(test)]
mod power;
mod raise;
mod store;
mod tally;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use parking_lot::{Mutex, RwLock};

use self::cuts::Cuts;
use self::store::Store;
use crate::fault::Fault;
use crate::volume::{At, Consent, Content, File, FileStat, OpenMode, Stop, Volume, Written};
use crate::{Direct, Scheme, VfsPath};

pub use changes::{Change, ChangeKind};
pub use commit::OverlayError;
pub use each::Overlays;

/// A volume that shows a directory with one principal's changes over it.
#[derive(Debug)]
pub struct Overlay {
    lower: Arc<Direct>,
    scheme: Scheme,
    store: Store,
    /// Held for writing while changes are committed or dropped, for reading by every operation.
    layers: RwLock<Layers>,
    /// Files of the upper tree that somebody has open for writing.
    writers: Arc<AtomicUsize>,
}

/// The changes that are neither committed nor dropped.
#[derive(Debug)]
struct Layers {
    upper: Direct,
    cuts: RwLock<Cuts>,
    /// Held by whoever copies up, cuts, or makes or takes names that need either.
    turn: Mutex<()>,
}

/// Both layers for the time of one operation.
#[derive(Clone, Copy)]
struct View<'a> {
    scheme: Scheme,
    lower: &'a Direct,
    upper: &'a Direct,
    cuts: &'a RwLock<Cuts>,
    turn: &'a Mutex<()>,
    writers: &'a Arc<AtomicUsize>,
}

impl Overlay {
    /// Opens the changes kept in `directory`, which is made if need be, over `lower`, whose paths have
    /// `scheme`. A commit that a killed process began is finished. Blocks.
    ///
    /// # Errors
    /// [`OverlayError::InUse`] if another process has them open; the system's.
    pub fn open(lower: Arc<Direct>, scheme: Scheme, directory: &Path) -> Result<Self, OverlayError> {
        let store = Store::open(directory, scheme, lower.is_quick())?;
        let layers = store.layers()?;
        let overlay = Self { lower, scheme, store, layers: RwLock::new(layers), writers: Arc::default() };
        overlay.resume()?;
        Ok(overlay)
    }

    fn view<'a>(&'a self, layers: &'a Layers) -> View<'a> {
        View {
            scheme: self.scheme,
            lower: &self.lower,
            upper: &layers.upper,
            cuts: &layers.cuts,
            turn: &layers.turn,
            writers: &self.writers,
        }
    }
}

/// For effects in one layer: the path is resolved and granted, so anything else found there is not it.
struct Exact;

impl Consent for Exact {
    fn resolved(&self, _: &str) -> Result<(), Fault> {
        Err(Fault::NotFound)
    }

    fn proceed(&self) -> Result<(), Fault> {
        Ok(())
    }
}

impl View<'_> {
    fn path(&self, relative: &str) -> VfsPath {
        VfsPath::resolved(self.scheme, relative)
    }
}

/// A resolved path in one layer.
fn exact<'a>(path: &'a VfsPath, stop: &'a Stop) -> At<'a> {
    At { path, consent: &Exact, stop }
}

impl Volume for Overlay {
    fn withholds(&self, relative: &str) -> bool {
        self.lower.withholds(relative)
    }

    fn stat(&self, at: At<'_>, follow: bool) -> Result<FileStat, Fault> {
        self.view(&self.layers.read()).probe(at, follow)
    }

    fn canonicalize(&self, at: At<'_>) -> Result<String, Fault> {
        let layers = self.layers.read();
        let spot = self.view(&layers).find(at, true)?;
        spot.existing()?;
        Ok(spot.relative)
    }

    fn read_link(&self, at: At<'_>) -> Result<String, Fault> {
        self.view(&self.layers.read()).target(at)
    }

    fn list(&self, at: At<'_>, limit: usize) -> Result<Vec<String>, Fault> {
        self.view(&self.layers.read()).names(at, limit)
    }

    fn open(&self, at: At<'_>, mode: OpenMode) -> Result<Box<dyn File>, Fault> {
        self.view(&self.layers.read()).open_file(at, mode)
    }

    fn make_dir(&self, at: At<'_>) -> Result<(), Fault> {
        self.view(&self.layers.read()).make_one(at)
    }

    fn make_dirs(&self, at: At<'_>) -> Result<(), Fault> {
        self.view(&self.layers.read()).make_missing(at)
    }

    fn unlink(&self, at: At<'_>) -> Result<(), Fault> {
        self.view(&self.layers.read()).remove_name(at)
    }

    fn remove_all(&self, at: At<'_>) -> Result<u64, Fault> {
        self.view(&self.layers.read()).remove_tree(at)
    }

    fn replace(&self, at: At<'_>, content: Content<'_>) -> Result<Written, Fault> {
        self.view(&self.layers.read()).replace_file(at, content)
    }

    fn append(&self, at: At<'_>, data: &[u8], limit: u64) -> Result<(), Fault> {
        let layers = self.layers.read();
        self.view(&layers).open_file(at, OpenMode::Append)?.append(data, limit)
    }

    fn rename(&self, from: At<'_>, to: At<'_>) -> Result<(), Fault> {
        self.view(&self.layers.read()).rename_name(from, to)
    }

    fn link(&self, from: At<'_>, to: At<'_>) -> Result<(), Fault> {
        self.view(&self.layers.read()).link_name(from, to)
    }
}
