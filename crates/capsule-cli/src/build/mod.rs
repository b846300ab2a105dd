//! From a source directory to a component and its record.

mod cargo;
mod cargo_config;
mod encode;
mod rustflags;
mod target;

use std::path::{Path, PathBuf};

use astrid_capsule_install::Meta;
use astrid_capsule_manifest::{CapsuleManifest, ComponentDef, MANIFEST_FILE};

use crate::error::CliError;
use crate::progress::Progress;
use crate::{component, files, manifest};

/// The only target capsules are built for: it has no imports but those of the host.
const TARGET: &str = "wasm32-unknown-unknown";

/// What a build has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Built {
    /// The component.
    pub(crate) component: PathBuf,
    /// Its size in bytes.
    pub(crate) size: usize,
    /// Its BLAKE3, 64 lowercase hex digits.
    pub(crate) hash: String,
}

/// Builds the capsule whose sources are in `dir`, and writes the component that its manifest names and `meta.json`.
/// Blocks for as long as cargo takes.
///
/// # Errors
/// The manifest or the crate is wrong, the target cannot be had, cargo fails (its own output is then on stderr), the
/// module cannot become a component, or a file cannot be written. Nothing is written unless everything went well.
pub(crate) fn build_dir(dir: &Path, progress: &dyn Progress) -> Result<Built, CliError> {
    let built = steps(dir, progress);
    progress.done();
    built
}

fn steps(dir: &Path, progress: &dyn Progress) -> Result<Built, CliError> {
    let manifest = manifest::check(dir)?;
    let (place, path) = executable(dir, &manifest)?;
    let source = cargo::find(dir)?;
    target::ensure(dir, progress)?;

    progress.step("compiling");
    let module = cargo::build(dir, &source, progress)?;

    progress.step("encoding");
    let bytes = encode::component(&module)?;
    component::within_limit(&path, bytes.len())?;
    let hash = blake3::hash(&bytes).to_hex().to_string();
    check_pin(dir, place, &hash)?;

    let record = Meta::of(&manifest, Some(&hash)).to_bytes()?;
    let record_path = Meta::path_in(dir);
    let component = files::stage(&path, &bytes)?;
    let record = files::stage(&record_path, &record)?;
    component.commit()?;
    record.commit()?;
    Ok(Built { size: bytes.len(), component: path, hash })
}

/// The component to build, and where its file goes.
fn executable<'m>(
    dir: &Path,
    manifest: &'m CapsuleManifest,
) -> Result<(&'m ComponentDef, PathBuf), CliError> {
    let at = dir.join(MANIFEST_FILE);
    let Some(component) = manifest.executable() else {
        let example = format!("[[component]] with file = \"{}.wasm\"", manifest.package.name);
        return Err(CliError::at(&at, "[component] no component says which file to build").allowed(example));
    };
    if component.file.is_absolute() {
        let problem = format!("[component.file] {} is outside of the capsule", component.file.display());
        return Err(CliError::at(&at, problem).allowed("a path relative to the capsule"));
    }
    Ok((component, dir.join(&component.file)))
}

/// A component that its own manifest refuses would never load.
fn check_pin(dir: &Path, component: &ComponentDef, hash: &str) -> Result<(), CliError> {
    match &component.hash {
        Some(pinned) if pinned != hash => {
            let problem = format!("[component.hash] is {pinned}, the component that was built has {hash}");
            Err(CliError::at(&dir.join(MANIFEST_FILE), problem).allowed("the hash of the build, or no hash"))
        }
        _ => Ok(()),
    }
}
