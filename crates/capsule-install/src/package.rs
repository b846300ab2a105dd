//! What is to be installed: a directory, or an archive unpacked into one.

use std::fs::File;
use std::path::{Path, PathBuf};

use astrid_capsule_manifest::{
    CapsuleManifest, MANIFEST_FILE, ManifestWarning, load_manifest, parse_manifest_bytes,
};
use tempfile::TempDir;

use crate::archive::WARN_UNPACKED;
use crate::{Code, InstallError, archive, disk, place};

/// A capsule that could be installed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Package {
    /// The directory with everything in it.
    pub dir: PathBuf,
    /// Its manifest.
    pub manifest: CapsuleManifest,
    /// What is odd about the manifest.
    pub warnings: Vec<ManifestWarning>,
    /// Bytes of the unpacked archive, if they are more than [`WARN_UNPACKED`](crate::WARN_UNPACKED).
    pub large: Option<u64>,
    /// The source as it was named, made absolute.
    pub source: String,
    /// Removed when the package is dropped.
    unpacked: Option<Unpacked>,
}

#[derive(Debug)]
struct Unpacked {
    _dir: TempDir,
    /// Locked for as long as the directory is used, so that a recovery does not take it for a leftover.
    _held: File,
}

impl Package {
    /// Opens a directory with a `Capsule.toml`, or an archive of one, which is unpacked beside the capsules of
    /// `principal` below the host's directory `root`.
    ///
    /// # Errors
    /// [`Code::BadSource`]: neither a directory nor a file, or the reference of a registry, which is for a program to
    /// fetch first. [`Code::BadArchive`], [`Code::BadEntry`], [`Code::ArchiveTooLarge`]: the archive is refused; the
    /// message names the entry. [`Code::Manifest`]: the manifest is.
    pub fn open(source: &Path, root: &Path, principal: &str) -> Result<Self, InstallError> {
        place::check(principal)?;
        let found = std::fs::metadata(source).map_err(|error| {
            let problem = match is_reference(source) {
                true => "is a reference to a registry or repository, which is not fetched here".to_owned(),
                false => format!("cannot be read: {error}"),
            };
            InstallError::at(Code::BadSource, source, problem)
                .allowed("a directory with a Capsule.toml, or a .capsule archive of one")
        })?;
        let named = std::path::absolute(source).unwrap_or_else(|_| source.to_owned());
        let source_name = named.to_string_lossy().into_owned();
        if found.is_dir() {
            return Self::read(source.to_owned(), source_name, None, None);
        }
        let capsules = place::capsules(root, principal);
        disk::make_dirs(&capsules)?;
        let made = tempfile::Builder::new().prefix(place::UNPACKED).tempdir_in(&capsules);
        let dir = made.map_err(InstallError::io(&capsules, "cannot be written"))?;
        let held = File::open(dir.path()).map_err(InstallError::io(dir.path(), "cannot be opened"))?;
        held.lock().map_err(InstallError::io(dir.path(), "cannot be locked"))?;
        let bytes = archive::unpack(source, dir.path())?;
        let large = Some(bytes).filter(|bytes| *bytes > WARN_UNPACKED);
        let path = dir.path().to_owned();
        Self::read(path, source_name, large, Some(Unpacked { _dir: dir, _held: held }))
    }

    /// Whether it came as an archive.
    #[must_use]
    pub fn is_archive(&self) -> bool {
        self.unpacked.is_some()
    }

    fn read(
        dir: PathBuf,
        source: String,
        large: Option<u64>,
        unpacked: Option<Unpacked>,
    ) -> Result<Self, InstallError> {
        let path = dir.join(MANIFEST_FILE);
        let (manifest, warnings) = match &unpacked {
            None => load_manifest(&path)?,
            // Nobody knows the directory it was unpacked into.
            Some(_) => {
                let bytes = std::fs::read(&path).map_err(InstallError::io(&path, "cannot be read"))?;
                parse_manifest_bytes(&bytes, &Path::new(&source).join(MANIFEST_FILE))?
            }
        };
        for component in &manifest.components {
            if component.file.is_absolute() {
                let problem = format!("component {} is an absolute path", component.file.display());
                return Err(InstallError::at(Code::BadEntry, &dir.join(MANIFEST_FILE), problem)
                    .allowed("a path below the capsule's directory"));
            }
        }
        Ok(Self { dir, manifest, warnings, large, source, unpacked })
    }
}

/// Whether a name that is no file's looks like what a package manager would take.
fn is_reference(source: &Path) -> bool {
    let text = source.to_string_lossy();
    text.starts_with('@') || text.starts_with("git@") || text.contains("://")
}

/// Removes directories of archives that nobody holds any more.
pub(crate) fn sweep_unpacked(capsules: &Path) -> Result<(), InstallError> {
    for name in disk::names(capsules)?.iter().filter(|name| name.starts_with(place::UNPACKED)) {
        let dir = capsules.join(name);
        if File::open(&dir).is_ok_and(|held| held.try_lock().is_ok()) {
            disk::remove(&dir)?;
        }
    }
    Ok(())
}
