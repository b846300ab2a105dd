//! The manifest of a capsule directory.

use std::path::{Path, PathBuf};

use astrid_capsule_manifest::{
    CapsuleManifest, MANIFEST_FILE, ManifestWarning, check_manifest, load_manifest,
};

use crate::error::CliError;

/// The manifest's path in `dir`.
///
/// # Errors
/// `dir` is no directory, or holds no manifest.
pub(crate) fn path_in(dir: &Path) -> Result<PathBuf, CliError> {
    let found =
        std::fs::metadata(dir).map_err(|error| CliError::at(dir, format_args!("cannot be read: {error}")))?;
    if !found.is_dir() {
        return Err(CliError::at(dir, "is not a directory")
            .allowed(format_args!("a directory with a {MANIFEST_FILE}")));
    }
    let path = dir.join(MANIFEST_FILE);
    match path.try_exists() {
        Ok(true) => Ok(path),
        Ok(false) => {
            Err(CliError::at(dir, "is no capsule")
                .allowed(format_args!("a directory with a {MANIFEST_FILE}")))
        }
        Err(error) => Err(CliError::at(&path, format_args!("cannot be read: {error}"))),
    }
}

/// Reads the manifest in `dir` as a runtime does, together with what is merely odd.
///
/// # Errors
/// There is none, or it is wrong.
pub(crate) fn load(dir: &Path) -> Result<(CapsuleManifest, Vec<ManifestWarning>), CliError> {
    Ok(load_manifest(&path_in(dir)?)?)
}

/// Reads the manifest in `dir` for its author: what is merely odd is wrong, except references to WIT types, which
/// nothing here resolves.
///
/// # Errors
/// There is none, or something about it is odd.
pub(crate) fn check(dir: &Path) -> Result<CapsuleManifest, CliError> {
    let (manifest, _) = check_manifest(&path_in(dir)?)?;
    Ok(manifest)
}
