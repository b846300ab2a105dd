//! One installation, step by step. Dropped before its record is written it takes back what it did.

use std::path::Path;
use std::sync::Arc;

use crate::blobs::{self, Counting};
use crate::journal::{Head, Journal, Phase, Stage};
use crate::progress::{Done, Progress};
use crate::recover::{self, Pending};
use crate::{Code, Contents, InstallError, Lock, Meta, Place, disk, tree, wit};

/// What an installation is of, for its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which hook belongs to it.
    pub phase: Phase,
    /// The version before.
    pub from: Option<String>,
    /// The version to install.
    pub to: String,
    /// What the host has to undo, in its own words, if the installation is taken back; may be empty.
    pub undo: Vec<u8>,
}

/// An installation whose journal is written and whose components are stored; the old capsule is untouched.
#[derive(Debug)]
pub struct Begun(Open);

/// The new directory is in place without its record; the old one is kept beside it.
#[derive(Debug)]
pub struct Placed(Open);

/// The new capsule is installed. What the host has to do for it is in the journal until [`Committed::finish`].
#[derive(Debug)]
pub struct Committed {
    lock: Lock,
    progress: Arc<dyn Progress>,
}

impl Begun {
    /// Writes the journal and stores `contents`.
    ///
    /// # Errors
    /// [`Code::Unfinished`]: an earlier installation was cut short and has to be recovered first
    /// ([`recover_one`](crate::recover_one)). [`Code::Io`]: nothing is left of the attempt.
    pub fn new(
        lock: Lock,
        order: Order,
        contents: &Contents,
        progress: Arc<dyn Progress>,
    ) -> Result<Self, InstallError> {
        let place = lock.place();
        if disk::exists(&place.journal())? || disk::exists(&place.backup())? {
            let problem = format!("an installation of {} was cut short", place.capsule());
            return Err(InstallError::new(Code::Unfinished, problem).allowed("to recover it first"));
        }
        let head = Head {
            phase: order.phase,
            from: order.from,
            to: order.to,
            wasm_hash: contents.program.as_ref().map(|program| program.hash().to_owned()),
            stage: Stage::Begun,
            had_old: disk::exists(&place.target())?,
            blobs: blobs::of_contents(contents),
            meta_hash: None,
        };
        let journal = Journal { head, undo: order.undo, redo: Vec::new() };
        wit::check(place)?;
        let open = Open { lock: Some(lock), journal, progress };
        open.store(contents)?;
        open.done(Done::Blobs)?;
        Ok(Self(open))
    }

    /// Moves the old directory away and copies `from` to its place.
    ///
    /// # Errors
    /// What is in `from` is refused or cannot be read, or the disk is full: the old directory is where it was.
    pub fn place(self, from: &Path) -> Result<Placed, InstallError> {
        let open = self.0;
        let place = open.place()?;
        disk::make_dirs(&place.capsules())?;
        refuse_itself(from, place)?;
        if open.journal.head.had_old {
            disk::rename(&place.target(), &place.backup())?;
        }
        open.done(Done::Backup)?;
        tree::copy(from, &place.target())?;
        open.done(Done::Tree)?;
        Ok(Placed(open))
    }

    /// Takes everything back.
    ///
    /// # Errors
    /// It cannot be taken back now; a recovery will try again.
    pub fn abort(self) -> Result<Pending, InstallError> {
        self.0.abort()
    }
}

impl Placed {
    /// Writes down what is to be done for the new capsule, then its record. With the record it is installed.
    ///
    /// # Errors
    /// It is not installed, and the old directory is where it was.
    pub fn commit(self, meta: &Meta, redo: Vec<u8>) -> Result<Committed, InstallError> {
        let mut open = self.0;
        let bytes = meta.to_bytes()?;
        open.journal.head.stage = Stage::Ready;
        open.journal.head.meta_hash = Some(blake3::hash(&bytes).to_hex().to_string());
        open.journal.redo = redo;
        open.journal.write(open.place()?)?;
        open.done(Done::Ready)?;
        disk::replace(&Meta::path_in(&open.place()?.target()), &bytes)?;
        let (lock, progress) = open.close()?;
        let committed = Committed { lock, progress };
        committed.done(Done::Meta)?;
        Ok(committed)
    }

    /// Takes everything back.
    ///
    /// # Errors
    /// It cannot be taken back now; a recovery will try again.
    pub fn abort(self) -> Result<Pending, InstallError> {
        self.0.abort()
    }
}

impl Committed {
    /// Removes what belonged to the old capsule alone, and the journal. For after the host did what it had to.
    ///
    /// # Errors
    /// The disk. A recovery ends it: until then the journal stays, and with it what the host has to do, which it must
    /// be able to do again.
    pub fn finish(self) -> Result<(), InstallError> {
        recover::finish(self.lock.place(), &*self.progress)
    }

    fn done(&self, step: Done) -> Result<(), InstallError> {
        heard(&*self.progress, step)
    }
}

/// What takes itself back when it is dropped.
struct Open {
    /// None once the transaction is over.
    lock: Option<Lock>,
    journal: Journal,
    progress: Arc<dyn Progress>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open")
            .field("lock", &self.lock)
            .field("journal", &self.journal.head)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for dyn Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

impl Open {
    fn place(&self) -> Result<&Place, InstallError> {
        self.lock.as_ref().map(Lock::place).ok_or_else(over)
    }

    fn done(&self, step: Done) -> Result<(), InstallError> {
        heard(&*self.progress, step)
    }

    /// The journal first: whoever counts who needs a stored file sees it there.
    fn store(&self, contents: &Contents) -> Result<(), InstallError> {
        let place = self.place()?;
        let _counting = Counting::begin(place.root())?;
        self.journal.write(place)?;
        self.done(Done::Journal)?;
        blobs::store(place.root(), contents)
    }

    fn close(mut self) -> Result<(Lock, Arc<dyn Progress>), InstallError> {
        let lock = self.lock.take().ok_or_else(over)?;
        Ok((lock, self.progress.clone()))
    }

    fn abort(mut self) -> Result<Pending, InstallError> {
        let lock = self.lock.take().ok_or_else(over)?;
        recover::take_back(lock, self.journal.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(lock) = self.lock.take() else { return };
        // What cannot be taken back now is left to the journal, as is what only the host can undo.
        if let Ok(pending) = recover::take_back(lock, self.journal.clone())
            && pending.undo().is_none_or(<[u8]>::is_empty)
        {
            let _ = pending.finish();
        }
    }
}

/// A directory cannot be copied into itself, nor once it was moved away.
fn refuse_itself(from: &Path, place: &Place) -> Result<(), InstallError> {
    let real = |path: &Path| path.canonicalize().map_err(InstallError::io(path, "cannot be read"));
    let (from, capsules) = (real(from)?, real(&place.capsules())?);
    let target = capsules.join(place.capsule().as_str());
    if target.starts_with(&from) || from.starts_with(&target) {
        let problem = "holds the place where the capsule is installed, or lies in it";
        return Err(InstallError::at(Code::BadSource, &from, problem)
            .allowed("a directory outside the host's, or an archive"));
    }
    Ok(())
}

pub(crate) fn heard(progress: &dyn Progress, step: Done) -> Result<(), InstallError> {
    progress
        .done(step)
        .map_err(|error| InstallError::new(Code::Io, format_args!("after step {step}: {error}")))
}

fn over() -> InstallError {
    InstallError::new(Code::Unfinished, "the installation is over already")
}
