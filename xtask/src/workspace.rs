//! Where things are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};

/// The repository that this program was built from.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// What cargo knows of it.
    pub(crate) metadata: Metadata,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> Result<Self> {
        // Cargo says it at run time too, and then it is true also where checkouts share a target folder.
        let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
        let here = Path::new(&here);
        // Not locked: after `wit new-version` the lock file is behind by a crate.
        let metadata = metadata(&here.join("Cargo.toml"), &[])?;
        Ok(Self { root: metadata.workspace_root.clone().into(), metadata })
    }

    /// `CARGO_TARGET_DIR`, or what cargo's configuration says.
    pub(crate) fn target(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// The folders of `crates/`, sorted.
    pub(crate) fn crates(&self) -> Result<Vec<PathBuf>> {
        let mut folders = entries(&self.root.join("crates"))?;
        folders.retain(|folder| folder.join("Cargo.toml").is_file());
        Ok(folders)
    }
}

/// `cargo metadata` of any manifest.
pub(crate) fn metadata(manifest: &Path, options: &[&str]) -> Result<Metadata> {
    let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
    let result = MetadataCommand::new().manifest_path(manifest).other_options(options).exec();
    result.with_context(|| format!("cargo metadata of {}", manifest.display()))
}

/// What is in a folder, sorted.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = fs::read_dir(folder).and_then(|all| all.map(|e| e.map(|e| e.path())).collect());
    let mut paths: Vec<_> = listing.with_context(|| folder.display().to_string())?;
    paths.sort();
    Ok(paths)
}

/// Every file below a folder, sorted; none if there is no such folder.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for path in entries(folder)? {
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// Writes a file and the folders it needs, if its bytes change. Says whether they did.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, bytes))
        .with_context(|| path.display().to_string())?;
    Ok(true)
}
