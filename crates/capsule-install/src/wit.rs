//! The interfaces of a principal's capsules in one directory: `home/{p}/wit/{name}.wit`. Of two capsules with an
//! interface of one name the one installed last is there.

use std::path::Path;

use crate::blobs::{Counting, Name};
use crate::{Code, InstallError, Meta, Place, disk, installed};

/// Refuses a place where [`publish`] would do nothing.
pub(crate) fn check(place: &Place) -> Result<(), InstallError> {
    if leads_elsewhere(&place.wit()) {
        return Err(
            InstallError::at(Code::Io, &place.wit(), "is no directory").allowed("a directory, or nothing")
        );
    }
    Ok(())
}

/// Puts the interfaces of `new` there and removes those of `old` that no capsule of the principal has any more. Files
/// are taken from the store, so it can be done again at any time. The files are for reading: where the directory was
/// replaced or the store lost one, they are left out, since an installation that is complete must come to its end.
pub(crate) fn publish(_: &Counting, place: &Place, new: &Meta, old: &Meta) -> Result<(), InstallError> {
    let dir = place.wit();
    // Capsules may write here: what they make of it must not lead elsewhere.
    if leads_elsewhere(&dir) {
        return Ok(());
    }
    disk::sweep_unfinished(&dir)?;
    for (name, hash) in new.wit_files.iter().filter(|(name, _)| is_name(name)) {
        let stored = Name::wit(hash).path(place.root());
        let Ok(bytes) = std::fs::read(&stored) else { continue };
        let path = dir.join(format!("{name}.wit"));
        if !disk::read_bounded_unlinked(&path, u64::MAX - 1).is_ok_and(|found| found == bytes) {
            disk::replace(&path, &bytes)?;
        }
    }
    for name in old.wit_files.keys().filter(|name| is_name(name) && !new.wit_files.contains_key(*name)) {
        if !has_another(place, name)? {
            disk::remove(&dir.join(format!("{name}.wit")))?;
        }
    }
    Ok(())
}

/// Whether another capsule of the principal has an interface of this name.
fn has_another(place: &Place, name: &str) -> Result<bool, InstallError> {
    let own = [place.target(), place.backup(), place.gone()];
    let others = installed::directories(&place.capsules())?;
    Ok(others
        .iter()
        .filter(|dir| !own.contains(dir))
        .any(|dir| Meta::read(dir).ok().flatten().is_some_and(|meta| meta.wit_files.contains_key(name))))
}

/// A record may have been written by anybody.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\0'])
}

fn leads_elsewhere(dir: &Path) -> bool {
    std::fs::symlink_metadata(dir).is_ok_and(|found| !found.is_dir())
}
