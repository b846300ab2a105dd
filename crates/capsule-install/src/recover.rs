//! Ending what was cut short: forward if the record is there, back if it is not.

use std::io;
use std::path::Path;

use crate::blobs::{self, Counting};
use crate::journal::{Journal, Phase, Stage};
use crate::meta::MAX_META_BYTES;
use crate::progress::{Done, Progress};
use crate::transaction::heard;
use crate::{Code, InstallError, Lock, Meta, Place, disk, installed, package, place, uninstall, wit};

/// An installation that was cut short and whose files are as they have to be. What is left is the host's: it does or
/// undoes its part and then calls [`Pending::finish`]. Dropped instead, it is found again by the next recovery.
#[derive(Debug)]
pub struct Pending {
    lock: Lock,
    journal: Journal,
}

impl Pending {
    /// Which capsule it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        self.lock.place()
    }

    /// Which hook belonged to the installation.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.journal.head.phase
    }

    /// The version before, and the version to install.
    #[must_use]
    pub fn versions(&self) -> (Option<&str>, &str) {
        (self.journal.head.from.as_deref(), &self.journal.head.to)
    }

    /// BLAKE3 of the program to install.
    #[must_use]
    pub fn wasm_hash(&self) -> Option<&str> {
        self.journal.head.wasm_hash.as_deref()
    }

    /// What the host has to do, as it was given to [`Placed::commit`](crate::Placed::commit): the new capsule is
    /// installed. It may have been done before.
    #[must_use]
    pub fn redo(&self) -> Option<&[u8]> {
        (self.journal.head.stage == Stage::Ready).then_some(self.journal.redo.as_slice())
    }

    /// What the host has to undo, as it was given with the [`Order`](crate::Order): the old capsule is installed, or
    /// none. It may have been undone before.
    #[must_use]
    pub fn undo(&self) -> Option<&[u8]> {
        (self.journal.head.stage != Stage::Ready).then_some(self.journal.undo.as_slice())
    }

    /// Forgets the installation.
    ///
    /// # Errors
    /// The disk; it is found again.
    pub fn finish(self) -> Result<(), InstallError> {
        match self.journal.head.stage {
            Stage::Ready => finish(self.lock.place(), &()),
            Stage::Begun | Stage::Back => Journal::remove(self.lock.place()),
        }
    }
}

/// What a recovery found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Recovered {
    /// What the host has to do its part for.
    pub pending: Vec<Pending>,
    /// What could not be recovered and is left as it is.
    pub problems: Vec<InstallError>,
}

/// Looks for everything below the host's directory `root` that was cut short, and brings the files of each to the old
/// state or the new one. For the start of a host, before it loads any capsule. What another process is at is left to
/// it.
#[must_use]
pub fn recover(root: &Path) -> Recovered {
    let mut found = Recovered::default();
    let places = match cut_short(root) {
        Ok(places) => places,
        Err(error) => {
            found.problems.push(error);
            return found;
        }
    };
    for place in places {
        match Lock::try_take(&place).and_then(|lock| lock.map_or(Ok(None), recover_one)) {
            Ok(pending) => found.pending.extend(pending),
            Err(error) => found.problems.push(error),
        }
    }
    found
}

/// The same for the one capsule that is locked. `None`: nothing is left to do for it.
///
/// # Errors
/// The disk, or the journal is damaged.
pub fn recover_one(lock: Lock) -> Result<Option<Pending>, InstallError> {
    let place = lock.place().clone();
    uninstall::end(&place)?;
    let Some(journal) = Journal::read(&place)? else {
        Journal::remove(&place)?;
        settle_backup(&place)?;
        return Ok(None);
    };
    if journal.head.stage == Stage::Ready && is_recorded(&place, &journal)? {
        return Ok(Some(Pending { lock, journal }));
    }
    take_back(lock, journal).map(Some)
}

fn cut_short(root: &Path) -> Result<Vec<Place>, InstallError> {
    let mut places = Journal::all(root)?;
    for principal in installed::principals(root)? {
        let capsules = place::capsules(root, &principal);
        package::sweep_unpacked(&capsules)?;
        for name in disk::names(&capsules)? {
            let capsule = place::backed_up(&name).or_else(|| uninstall::removed(&name));
            let Some(capsule) = capsule else { continue };
            let place = Place::new(root, &principal, &capsule)?;
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    Ok(places)
}

/// Whether the record that the journal announces is the one that is there.
fn is_recorded(place: &Place, journal: &Journal) -> Result<bool, InstallError> {
    let path = Meta::path_in(&place.target());
    match disk::read_bounded(&path, MAX_META_BYTES) {
        Ok(bytes) => Ok(journal.head.meta_hash.as_deref() == Some(blake3::hash(&bytes).to_hex().as_str())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(InstallError::at(Code::Meta, &path, disk::unreadable(&error))),
    }
}

/// Brings back what was there before the installation. Whatever is interrupted here can be begun anew.
pub(crate) fn take_back(lock: Lock, mut journal: Journal) -> Result<Pending, InstallError> {
    let place = lock.place();
    if journal.head.stage == Stage::Ready {
        // So that the old record, back in its place, is not taken for the new one.
        journal.head.stage = Stage::Begun;
        journal.head.meta_hash = None;
        journal.redo.clear();
        journal.write(place)?;
    }
    if journal.head.stage == Stage::Begun {
        let backed_up = disk::exists(&place.backup())?;
        // An old directory without a backup was not moved yet.
        if backed_up || !journal.head.had_old {
            disk::remove(&place.target())?;
        }
        if backed_up {
            disk::rename(&place.backup(), &place.target())?;
        }
        journal.head.stage = Stage::Back;
        journal.write(place)?;
    }
    Counting::begin(place.root())?.sweep(place, journal.head.blobs.clone(), None)?;
    Ok(Pending { lock, journal })
}

/// Removes what belonged to the old capsule alone, and the journal.
pub(crate) fn finish(place: &Place, progress: &dyn Progress) -> Result<(), InstallError> {
    let old = Meta::read(&place.backup()).unwrap_or_default().unwrap_or_default();
    let new = Meta::read(&place.target())?.unwrap_or_default();
    let counting = Counting::begin(place.root())?;
    wit::publish(&counting, place, &new, &old)?;
    heard(progress, Done::Wit)?;
    counting.sweep(place, blobs::of_meta(&old), Some(&place.backup()))?;
    disk::remove(&place.backup())?;
    drop(counting);
    heard(progress, Done::Swept)?;
    Journal::remove(place)?;
    heard(progress, Done::Finished)
}

/// A backup that no journal speaks of: of no use beside a complete capsule, else the capsule itself.
fn settle_backup(place: &Place) -> Result<(), InstallError> {
    if !disk::exists(&place.backup())? {
        return Ok(());
    }
    if disk::exists(&Meta::path_in(&place.target()))? {
        let old = Meta::read(&place.backup()).unwrap_or_default().unwrap_or_default();
        let counting = Counting::begin(place.root())?;
        counting.sweep(place, blobs::of_meta(&old), Some(&place.backup()))?;
        return disk::remove(&place.backup());
    }
    disk::remove(&place.target())?;
    disk::rename(&place.backup(), &place.target())
}
