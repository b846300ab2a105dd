//! The backend that acts on a directory as it is.
//!
//! | room | file |
//! |---|---|
//! | the root and its one-syscall look-ups | `root.rs` |
//! | resolution by components | `resolve.rs`, `levels.rs` |
//! | reserved directories | `guard.rs` |
//! | every syscall, and what systems differ in | `sys/` |
//! | questions | `probe.rs` |
//! | open files | `open.rs`, `file.rs` |
//! | whole-file replacement | `replace.rs`, `temporary.rs` |
//! | names: create, rename, link, remove | `names.rs`, `remove.rs` |
//! | counting entries and bytes, sweeping temporaries | `ledger.rs`, `bytes.rs`, `scan.rs` |
//! | what `.astridignore` keeps from guests | `withheld.rs` |
//! | what an overlay asks of a layer | `layer.rs` |

mod bytes;
mod file;
mod guard;
mod layer;
mod ledger;
mod levels;
mod names;
mod open;
mod probe;
mod remove;
mod replace;
mod resolve;
mod root;
mod scan;
pub(crate) mod sys;
mod temporary;
mod withheld;

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::io::Errno;

pub use self::bytes::Account;
use self::bytes::Bytes;
use self::guard::Guard;
use self::ledger::{Ledger, Share};
pub(crate) use self::replace::Manner;
use self::resolve::{Place, resolve};
use self::root::Root;
use crate::fault::Fault;
use crate::ignored::Ignored;
use crate::volume::{At, Content, File, FileStat, OpenMode, Volume, Written};
use crate::{Scheme, VfsPath, errno};

/// A volume on a directory, for the normal case of one owner.
#[derive(Debug)]
pub struct Direct {
    root: Root,
    ledger: Option<Ledger>,
    bytes: Option<Arc<Bytes>>,
    ignored: Option<Ignored>,
    file_mode: u32,
    directory_mode: u32,
    power_safe: bool,
}

impl Direct {
    /// Starts with the settings of a workspace: files 0644, no limit of entries, nothing reserved,
    /// safe against a killed process but not against a power failure.
    #[must_use]
    pub fn builder() -> DirectBuilder {
        DirectBuilder {
            openat2: true,
            folds_case: false,
            reserved: &[],
            entries: None,
            charged: None,
            file_mode: 0o644,
            directory_mode: 0o755,
            power_safe: false,
            ignore_file: false,
        }
    }

    /// The settings of a scheme: [`Direct::builder`] for the workspace; for home and tmp private
    /// modes and a limit of [`crate::ENTRIES`]; home keeps its reserved directories and survives a
    /// power failure.
    #[must_use]
    pub fn builder_for(scheme: Scheme) -> DirectBuilder {
        let private = DirectBuilder {
            entries: Some(crate::ENTRIES),
            file_mode: 0o600,
            directory_mode: 0o700,
            ..Self::builder()
        };
        match scheme {
            Scheme::Workspace => Self::builder(),
            Scheme::Tmp => private,
            Scheme::Home => DirectBuilder { reserved: &crate::RESERVED, power_safe: true, ..private },
        }
    }

    /// Removes temporaries that a killed host left and counts the entries that are there, by walking
    /// the whole tree. Blocks; meant for a thread of its own right after opening.
    pub fn scan(&self) {
        scan::scan(&self.root, self.ledger.as_ref(), self.bytes.as_deref());
    }

    /// A place for one more entry.
    fn room(&self) -> Result<Share<'_>, Fault> {
        self.ledger.as_ref().map_or(Ok(Share::free()), Ledger::take)
    }

    fn gone(&self, entries: u64) {
        if let Some(ledger) = &self.ledger {
            ledger.gone(entries);
        }
    }

    /// Takes the name away from what it stands for, and what that held off the account if it was the last.
    fn unname(
        &self,
        parent: impl AsFd,
        name: &str,
        take: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let Some(bytes) = &self.bytes else { return take() };
        let _alone = bytes.names();
        let old = sys::pin(parent, name);
        take()?;
        if let Ok(old) = old {
            bytes.shrink(bytes.freed(&old));
        }
        Ok(())
    }

    /// Resolves and asks about the place found.
    fn find(&self, at: At<'_>, follow: bool) -> Result<Place, Fault> {
        let place = resolve(&self.root, at.path, follow, false)?;
        agreed(at, place)
    }
}

/// Asks about a resolved place, unless it is where the path already said.
fn agreed(at: At<'_>, place: Place) -> Result<Place, Fault> {
    if place.relative != at.path.relative() {
        at.consent.resolved(&place.relative)?;
    }
    Ok(place)
}

/// Sets up a [`Direct`].
#[derive(Debug, Clone)]
pub struct DirectBuilder {
    openat2: bool,
    folds_case: bool,
    reserved: &'static [&'static str],
    entries: Option<u64>,
    charged: Option<Account>,
    file_mode: u32,
    directory_mode: u32,
    power_safe: bool,
    ignore_file: bool,
}

impl DirectBuilder {
    /// Whether `openat2` may be used, which is the default. Without it every path is walked, as on
    /// kernels that lack it or sandboxes that refuse it.
    #[must_use]
    pub fn openat2(mut self, allowed: bool) -> Self {
        self.openat2 = allowed;
        self
    }

    /// Says that names which differ in case stand for the same file, where the system does not tell, as
    /// on some network file systems. Every path is then walked, and reserved directories are matched
    /// whatever the case of their names.
    #[must_use]
    pub fn folds_case(mut self, folds: bool) -> Self {
        self.folds_case = folds;
        self
    }

    /// Directories that exist for the host alone, relative to the root, such as `.config/env`.
    #[must_use]
    pub fn reserved(mut self, directories: &'static [&'static str]) -> Self {
        self.reserved = directories;
        self
    }

    /// How many entries the tree may hold; none counts nothing.
    #[must_use]
    pub fn entries(mut self, limit: Option<u64>) -> Self {
        self.entries = limit;
        self
    }

    /// Whose budget the bytes of its files count in. What is there already is charged by [`Direct::scan`].
    #[must_use]
    pub fn charge(mut self, account: Account) -> Self {
        self.charged = Some(account);
        self
    }

    /// The permission bits of new files, before the umask; directories get the search bits with them.
    #[must_use]
    pub fn file_mode(mut self, mode: u32) -> Self {
        self.file_mode = mode & 0o666;
        self.directory_mode = self.file_mode | ((self.file_mode & 0o444) >> 2);
        self
    }

    /// Whether replaced content is on the device before the call returns.
    #[must_use]
    pub fn power_safe(mut self, safe: bool) -> Self {
        self.power_safe = safe;
        self
    }

    /// Whether paths that match a pattern of the file `.astridignore` at the root are out of reach for
    /// every guest; the syntax is that of gitignore. The file is read when the volume is opened, and is out
    /// of reach itself. Off by default.
    #[must_use]
    pub fn ignore_file(mut self, heeded: bool) -> Self {
        self.ignore_file = heeded;
        self
    }

    /// Opens the directory, which must exist; the descriptor is kept. Blocks.
    ///
    /// # Errors
    /// The system's, also for an `.astridignore` that is there and cannot be read; for the host's
    /// operators: it is not to be shown to guests.
    pub fn open(self, directory: &Path) -> std::io::Result<Direct> {
        let heeded = self.ignore_file;
        let mut opened = self.on(sys::open_root(directory)?);
        if heeded {
            opened.ignored = Some(withheld::read(&opened)?);
        }
        Ok(opened)
    }

    /// The volume of a directory that is open for reading.
    pub(crate) fn on(self, fd: OwnedFd) -> Direct {
        let guard = Guard::new(&fd, self.reserved, self.folds_case);
        Direct {
            root: Root::new(fd, self.openat2, guard),
            ledger: self.entries.map(Ledger::new),
            bytes: self.charged.map(|account| Arc::new(Bytes::new(account))),
            ignored: None,
            file_mode: self.file_mode,
            directory_mode: self.directory_mode,
            power_safe: self.power_safe,
        }
    }
}

impl Volume for Direct {
    fn withholds(&self, relative: &str) -> bool {
        self.ignored.as_ref().is_some_and(|ignored| ignored.covers(relative))
    }

    fn try_stat(&self, path: &VfsPath, follow: bool) -> Option<Result<FileStat, Fault>> {
        self.cached_stat(path, follow)
    }

    fn try_read(&self, path: &VfsPath, max: usize) -> Option<Result<Vec<u8>, Fault>> {
        self.cached_read(path, max)
    }

    fn stat(&self, at: At<'_>, follow: bool) -> Result<FileStat, Fault> {
        self.probe(at, follow)
    }

    fn canonicalize(&self, at: At<'_>) -> Result<String, Fault> {
        let place = self.find(at, true)?;
        place.existing()?;
        Ok(place.relative)
    }

    fn read_link(&self, at: At<'_>) -> Result<String, Fault> {
        self.target(at)
    }

    fn list(&self, at: At<'_>, limit: usize) -> Result<Vec<String>, Fault> {
        self.names(at, limit)
    }

    fn open(&self, at: At<'_>, mode: OpenMode) -> Result<Box<dyn File>, Fault> {
        Ok(Box::new(self.open_file(at, mode)?.0))
    }

    fn make_dir(&self, at: At<'_>) -> Result<(), Fault> {
        self.make_one(at)
    }

    fn make_dirs(&self, at: At<'_>) -> Result<(), Fault> {
        self.make_missing(at)
    }

    fn unlink(&self, at: At<'_>) -> Result<(), Fault> {
        self.remove_name(at)
    }

    fn remove_all(&self, at: At<'_>) -> Result<u64, Fault> {
        self.remove_tree(at)
    }

    fn replace(&self, at: At<'_>, content: Content<'_>) -> Result<Written, Fault> {
        self.replace_file(at, content, Manner::default())
    }

    fn append(&self, at: At<'_>, data: &[u8], limit: u64) -> Result<(), Fault> {
        let (file, _) = self.open_file(at, OpenMode::Append)?;
        file.append(data, limit)
    }

    fn rename(&self, from: At<'_>, to: At<'_>) -> Result<(), Fault> {
        self.rename_name(from, to)
    }

    fn link(&self, from: At<'_>, to: At<'_>) -> Result<(), Fault> {
        self.link_name(from, to)
    }
}

/// The case for an error where a path is resolved or used.
fn failed(error: rustix::io::Errno) -> Fault {
    errno::path(error)
}
