//! Looking through the search paths.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use astrid_capsule_manifest::{CapsuleManifest, MANIFEST_FILE, MAX_MANIFEST_BYTES, parse_manifest_bytes};

use crate::file::read_bounded;
use crate::{Fingerprint, Located, Reason, SearchPath, Skipped, Trust};

/// A capsule that may be loaded.
#[derive(Debug)]
#[non_exhaustive]
pub struct Found {
    /// Its manifest.
    pub manifest: CapsuleManifest,
    /// Its directory.
    pub dir: PathBuf,
    /// What was approved, for a capsule that needs approval: the loader compares the bytes it compiles.
    pub approved: Option<Fingerprint>,
}

/// Everything found, in search order, and everything left out.
#[derive(Debug, Default)]
pub struct Discovery {
    /// To be loaded. No two have the same name.
    pub found: Vec<Found>,
    /// Not to be loaded; each was also logged as a warning.
    pub skipped: Vec<Skipped>,
}

impl Discovery {
    /// Manifests and directories, for [`crate::toposort_manifests`].
    #[must_use]
    pub fn into_located(self) -> Vec<Located> {
        self.found.into_iter().map(|one| (one.manifest, one.dir)).collect()
    }
}

/// Looks for capsules, path by path.
///
/// A path that holds a `Capsule.toml` is one capsule; otherwise each direct subdirectory that holds one is, sorted by
/// name, without hidden ones and without `*.bak`. A path that does not exist is empty. Whatever is wrong with one
/// capsule is logged, reported, and stops no other. Blocks on the disk.
#[must_use]
pub fn discover(paths: &[SearchPath], trust: &Trust) -> Discovery {
    let mut search = Search { trust, names: HashMap::new(), result: Discovery::default() };
    paths.iter().for_each(|path| search.path(path));
    search.result
}

struct Search<'a> {
    trust: &'a Trust,
    /// Where each name was found first.
    names: HashMap<String, PathBuf>,
    result: Discovery,
}

impl Search<'_> {
    fn path(&mut self, path: &SearchPath) {
        if let Some(link) = path.linked_part() {
            return self.skip(path.dir(), Reason::Symlink(link));
        }
        if holds_manifest(path.dir()) {
            return self.capsule(path.dir(), path);
        }
        match subdirectories(path.dir()) {
            Ok(dirs) => dirs.iter().for_each(|dir| self.capsule(dir, path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.skip(path.dir(), Reason::Unreadable(error)),
        }
    }

    fn capsule(&mut self, dir: &Path, path: &SearchPath) {
        match self.examine(dir, path) {
            Ok(found) => {
                self.names.insert(found.manifest.package.name.to_string(), dir.to_owned());
                self.result.found.push(found);
            }
            Err(reason) => self.skip(dir, reason),
        }
    }

    fn examine(&self, dir: &Path, path: &SearchPath) -> Result<Found, Reason> {
        let file = dir.join(MANIFEST_FILE);
        if path.needs_trust()
            && let Some(link) = [dir, &file].into_iter().find(|part| part.is_symlink())
        {
            return Err(Reason::Symlink(link.to_owned()));
        }
        let max = u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX);
        // One byte more than allowed, so that the parser says in its own words that it is too many.
        let bytes = read_bounded(&file, max.saturating_add(1)).map_err(Reason::Unreadable)?;
        let (manifest, warnings) = parse_manifest_bytes(&bytes, &file).map_err(Reason::BadManifest)?;
        let id = manifest.package.name.as_str();
        if let Some(kept) = self.names.get(id) {
            return Err(Reason::Duplicate { id: id.to_owned(), kept: kept.clone() });
        }
        let approved = match path.needs_trust() {
            true => Some(self.approved(dir, &bytes, &manifest)?),
            false => None,
        };
        for warning in warnings {
            tracing::warn!(capsule = id, "{warning}");
        }
        Ok(Found { manifest, dir: dir.to_owned(), approved })
    }

    fn approved(&self, dir: &Path, bytes: &[u8], manifest: &CapsuleManifest) -> Result<Fingerprint, Reason> {
        let found = Fingerprint::of(dir, bytes, manifest).map_err(Reason::Unreadable)?;
        match self.trust.covers(&found) {
            true => Ok(found),
            false => Err(Reason::Untrusted { id: manifest.package.name.to_string() }),
        }
    }

    fn skip(&mut self, dir: &Path, reason: Reason) {
        let skipped = Skipped { dir: dir.to_owned(), reason };
        tracing::warn!(target: crate::LOG, "{skipped}");
        self.result.skipped.push(skipped);
    }
}

/// True also for a link that leads nowhere: it was meant to be a capsule, and is reported.
fn holds_manifest(dir: &Path) -> bool {
    dir.join(MANIFEST_FILE).symlink_metadata().is_ok()
}

fn subdirectories(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if !text.starts_with('.') && !text.ends_with(".bak") {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names.into_iter().map(|name| dir.join(name)).filter(|dir| holds_manifest(dir)).collect())
}
