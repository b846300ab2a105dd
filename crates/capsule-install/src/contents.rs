//! What of a capsule goes into the stores of the host, where equal files of many capsules are one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use astrid_capsule_manifest::{CapsuleManifest, ComponentKind, McpServerDef};

use crate::{Blob, Code, InstallError, Meta, Package, clock, disk};

/// Largest component that is accepted; the loader takes none that is larger.
const MAX_COMPONENT: u64 = 64 << 20;
/// Largest file that describes interfaces.
const MAX_WIT: u64 = 1 << 20;
/// How deep packages of interfaces may lie below `wit/`: `deps/{package}/{file}` with room to spare.
const MAX_WIT_DEPTH: usize = 8;

/// Components and interfaces of one capsule, in memory, each with its hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// The program.
    pub program: Option<Blob>,
    /// Library components by their path in the manifest.
    pub libraries: BTreeMap<String, Blob>,
    /// Files below `wit/` by name: the path without `.wit`, its slashes as dots.
    pub wit: BTreeMap<String, Blob>,
}

impl Contents {
    /// Reads what the capsule in `dir` has. A `program` that is given is taken instead of the manifest's file, so that
    /// what is stored is what was compiled.
    ///
    /// # Errors
    /// A file cannot be read, is a link, is larger than it may be, or does not have the hash that the manifest pins;
    /// two interfaces have one name.
    pub fn read(
        dir: &Path,
        manifest: &CapsuleManifest,
        program: Option<&[u8]>,
    ) -> Result<Self, InstallError> {
        let mut contents = Self::default();
        for component in &manifest.components {
            let path = dir.join(&component.file);
            let blob = match (component.kind, program) {
                (ComponentKind::Executable, Some(program)) => Blob::new(program.to_vec()),
                _ => Blob::new(read(&path, MAX_COMPONENT)?),
            };
            if let Some(pinned) = component.hash.as_deref().filter(|pinned| *pinned != blob.hash()) {
                let problem = format!("has BLAKE3 {}, the manifest pins {pinned}", blob.hash());
                return Err(InstallError::at(Code::Integrity, &path, problem));
            }
            match component.kind {
                ComponentKind::Executable => contents.program = Some(blob),
                ComponentKind::Library => {
                    contents.libraries.insert(component.file.to_string_lossy().into_owned(), blob);
                }
            }
        }
        let wit = dir.join("wit");
        if disk::exists(&wit)? {
            contents.wit_below(&wit, "", 0)?;
        }
        Ok(contents)
    }

    fn wit_below(&mut self, dir: &Path, prefix: &str, depth: usize) -> Result<(), InstallError> {
        let found = std::fs::symlink_metadata(dir).map_err(InstallError::io(dir, "cannot be read"))?;
        if !found.is_dir() || depth > MAX_WIT_DEPTH {
            return Err(InstallError::at(Code::BadEntry, dir, "is no directory of interfaces")
                .allowed(format_args!("directories, at most {MAX_WIT_DEPTH} deep, with .wit files")));
        }
        for name in disk::names(dir)? {
            let path: PathBuf = dir.join(&name);
            let is_dir = std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
            if is_dir {
                self.wit_below(&path, &format!("{prefix}{name}."), depth + 1)?;
            } else if let Some(stem) = name.strip_suffix(".wit") {
                let key = format!("{prefix}{stem}");
                let blob = Blob::new(read(&path, MAX_WIT)?);
                if self.wit.insert(key.clone(), blob).is_some() {
                    let problem = format!("is the second file of interfaces named {key:?}");
                    return Err(InstallError::at(Code::BadEntry, &path, problem));
                }
            }
        }
        Ok(())
    }

    /// The record of this capsule as installed now from `package`, with all its capabilities approved. `before` is
    /// the record that it replaces.
    #[must_use]
    pub fn installed(&self, package: &Package, before: Option<&Meta>) -> Meta {
        let mut meta = self.meta(&package.manifest);
        let now = clock::now();
        meta.installed_at =
            before.and_then(|before| before.installed_at.clone()).or_else(|| Some(now.clone()));
        meta.updated_at = Some(now);
        meta.source = Some(package.source.clone());
        meta.approved_capabilities = Some(package.manifest.capabilities.clone());
        meta
    }

    fn meta(&self, manifest: &CapsuleManifest) -> Meta {
        let mut meta = Meta::of(manifest, self.program.as_ref().map(Blob::hash));
        let hashes = |blobs: &BTreeMap<String, Blob>| {
            blobs.iter().map(|(name, blob)| (name.clone(), blob.hash().to_owned())).collect()
        };
        meta.library_hashes = hashes(&self.libraries);
        meta.wit_files = hashes(&self.wit);
        let pin = |server: &McpServerDef| Some((server.id.clone(), server.binary_hash.clone()?));
        meta.mcp_hashes = manifest.mcp_servers.iter().filter_map(pin).collect();
        meta
    }
}

fn read(path: &Path, max: u64) -> Result<Vec<u8>, InstallError> {
    disk::read_bounded_unlinked(path, max)
        .map_err(|error| InstallError::at(Code::BadEntry, path, disk::unreadable(&error)))
}
