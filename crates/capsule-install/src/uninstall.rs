//! Taking a capsule out.

use astrid_capsule_manifest::CapsuleId;

use crate::blobs::{self, Counting};
use crate::{Code, InstallError, Lock, Meta, Place, disk, place, wit};

/// Removes the locked capsule: its directory, the operator's values for it, its interfaces, and what only it needed of
/// the stores. One rename decides: cut short before it the capsule is installed, after it a recovery removes the rest.
///
/// # Errors
/// [`Code::NotInstalled`]: there is no such capsule. [`Code::Unfinished`]: an installation was cut short and has to be
/// recovered first.
pub fn uninstall(lock: Lock) -> Result<(), InstallError> {
    let place = lock.place();
    if disk::exists(&place.journal())? || disk::exists(&place.backup())? {
        let problem = format!("an installation of {} was cut short", place.capsule());
        return Err(InstallError::new(Code::Unfinished, problem).allowed("to recover it first"));
    }
    if !disk::exists(&place.target())? {
        let problem = format!("capsule {} is not installed for {}", place.capsule(), place.principal());
        return Err(InstallError::new(Code::NotInstalled, problem).allowed(listed(place)?));
    }
    disk::remove(&place.gone())?;
    disk::rename(&place.target(), &place.gone())?;
    end(place)
}

/// Removes what is left of a capsule whose removal was decided.
pub(crate) fn end(place: &Place) -> Result<(), InstallError> {
    let gone = place.gone();
    if !disk::exists(&gone)? {
        return Ok(());
    }
    // Installed again in the meantime, it is not this one's values that are there.
    if !disk::exists(&place.target())? {
        disk::remove(&place.env())?;
    }
    let old = Meta::read(&gone).unwrap_or_default().unwrap_or_default();
    let kept = Meta::read(&place.target()).unwrap_or_default().unwrap_or_default();
    let counting = Counting::begin(place.root())?;
    wit::publish(&counting, place, &kept, &old)?;
    counting.sweep(place, blobs::of_meta(&old), None)?;
    disk::remove(&gone)
}

/// The capsule that a directory with this name was.
pub(crate) fn removed(name: &str) -> Option<CapsuleId> {
    CapsuleId::parse(name.strip_prefix(place::GONE)?).ok()
}

fn listed(place: &Place) -> Result<String, InstallError> {
    let names = disk::names(&place.capsules())?;
    let names: Vec<_> = names.into_iter().filter(|name| CapsuleId::parse(name).is_ok()).collect();
    Ok(if names.is_empty() { "none: nothing is installed".to_owned() } else { names.join(", ") })
}
