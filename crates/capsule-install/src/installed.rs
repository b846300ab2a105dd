//! What is installed already.

use std::path::{Path, PathBuf};

use astrid_capsule_manifest::{CapsuleId, CapsuleManifest, InterfaceName, MANIFEST_FILE, load_manifest};

use crate::{InstallError, disk, place};

/// An interface that a capsule to be installed exports and an installed one exports too. Both may be there: it is for
/// people to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// The interface.
    pub interface: InterfaceName,
    /// The installed capsule.
    pub capsule: CapsuleId,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is exported by the installed capsule {} too", self.interface, self.capsule)
    }
}

/// The exports of `manifest` that other capsules of `principal` have too. An installed capsule whose manifest cannot
/// be read exports nothing.
///
/// # Errors
/// The principal's capsules cannot be listed.
pub fn conflicts(
    root: &Path,
    principal: &str,
    manifest: &CapsuleManifest,
) -> Result<Vec<Conflict>, InstallError> {
    place::check(principal)?;
    let mut conflicts = Vec::new();
    for dir in directories(&place::capsules(root, principal))? {
        let Ok((other, _)) = load_manifest(&dir.join(MANIFEST_FILE)) else { continue };
        if other.package.name == manifest.package.name || place::backed_up(&file_name(&dir)).is_some() {
            continue;
        }
        let shared = manifest.exports.keys().filter(|name| other.exports.contains_key(*name));
        conflicts.extend(
            shared.map(|name| Conflict { interface: name.clone(), capsule: other.package.name.clone() }),
        );
    }
    Ok(conflicts)
}

/// Everybody who has a home.
pub(crate) fn principals(root: &Path) -> Result<Vec<String>, InstallError> {
    let names = disk::names(&root.join("home"))?;
    Ok(names.into_iter().filter(|name| place::check(name).is_ok()).collect())
}

/// The directories of capsules, backups included, without those that are being unpacked or removed.
pub(crate) fn directories(capsules: &Path) -> Result<Vec<PathBuf>, InstallError> {
    let names = disk::names(capsules)?;
    Ok(names.iter().filter(|name| !name.starts_with('.')).map(|name| capsules.join(name)).collect())
}

fn file_name(dir: &Path) -> String {
    dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
