//! Files named after their content: `bin/{hash}.wasm` and `wit/store/{hash}.wit`.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::journal::Journal;
use crate::{Code, Contents, InstallError, Meta, Place, disk, installed, place};

/// Bytes and their BLAKE3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    hash: String,
    bytes: Vec<u8>,
}

impl Blob {
    /// Hashes `bytes`.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { hash: blake3::hash(&bytes).to_hex().to_string(), bytes }
    }

    /// 64 lowercase hex digits.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Which store a file is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Wasm,
    Wit,
}

impl Kind {
    fn dir(self, root: &Path) -> PathBuf {
        match self {
            Self::Wasm => root.join("bin"),
            Self::Wit => root.join("wit/store"),
        }
    }
}

/// The name of a stored file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Name {
    kind: Kind,
    hash: String,
}

impl Name {
    pub(crate) fn wit(hash: &str) -> Self {
        Self { kind: Kind::Wit, hash: hash.to_owned() }
    }

    fn wasm(hash: &str) -> Self {
        Self { kind: Kind::Wasm, hash: hash.to_owned() }
    }

    pub(crate) fn path(&self, root: &Path) -> PathBuf {
        let ending = match self.kind {
            Kind::Wasm => "wasm",
            Kind::Wit => "wit",
        };
        self.kind.dir(root).join(format!("{}.{ending}", self.hash))
    }
}

/// Every stored file that a record refers to.
pub(crate) fn of_meta(meta: &Meta) -> BTreeSet<Name> {
    let wasm = meta.wasm_hash.iter().chain(meta.library_hashes.values()).map(|hash| Name::wasm(hash));
    wasm.chain(meta.wit_files.values().map(|hash| Name::wit(hash))).collect()
}

fn named(contents: &Contents) -> impl Iterator<Item = (Name, &Blob)> {
    let wasm = contents.program.iter().chain(contents.libraries.values());
    let wasm = wasm.map(|blob| (Name::wasm(blob.hash()), blob));
    wasm.chain(contents.wit.values().map(|blob| (Name::wit(blob.hash()), blob)))
}

/// What [`store`] will store.
pub(crate) fn of_contents(contents: &Contents) -> BTreeSet<Name> {
    named(contents).map(|(name, _)| name).collect()
}

/// Writes the files that are not there or that hold something else than their name says.
pub(crate) fn store(root: &Path, contents: &Contents) -> Result<(), InstallError> {
    for (name, blob) in named(contents) {
        let path = name.path(root);
        let max = u64::try_from(blob.bytes.len()).unwrap_or(u64::MAX);
        if disk::read_bounded(&path, max).is_ok_and(|found| found == blob.bytes) {
            continue;
        }
        disk::replace(&path, &blob.bytes)?;
    }
    Ok(())
}

/// Held while files are stored, published or removed: whoever counts who needs a file sees all who do.
#[derive(Debug)]
pub(crate) struct Counting {
    _file: File,
}

impl Counting {
    pub(crate) fn begin(root: &Path) -> Result<Self, InstallError> {
        let dir = place::journals(root);
        disk::make_dirs(&dir)?;
        let path = dir.join("blobs.lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(InstallError::io(&path, "cannot be opened"))?;
        file.lock().map_err(InstallError::io(&path, "cannot be locked"))?;
        Ok(Self { _file: file })
    }

    /// Removes those of `candidates` that no capsule of any principal and no unfinished installation other than the one
    /// of `own` refers to. The capsule in `except` counts as gone.
    pub(crate) fn sweep(
        &self,
        own: &Place,
        candidates: BTreeSet<Name>,
        except: Option<&Path>,
    ) -> Result<(), InstallError> {
        let root = own.root();
        for kind in [Kind::Wasm, Kind::Wit] {
            disk::sweep_unfinished(&kind.dir(root))?;
        }
        let mut left = candidates;
        for principal in installed::principals(root)? {
            for dir in installed::directories(&place::capsules(root, &principal))? {
                if except == Some(dir.as_path()) {
                    continue;
                }
                // Whoever cannot be asked might need any of them.
                match Meta::read(&dir) {
                    Ok(meta) => of_meta(&meta.unwrap_or_default()).iter().for_each(|name| {
                        left.remove(name);
                    }),
                    Err(error) if error.code() == Code::Meta => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        }
        for place in Journal::all(root)?.iter().filter(|place| *place != own) {
            match Journal::read(place) {
                Ok(journal) => journal.iter().flat_map(|journal| &journal.head.blobs).for_each(|name| {
                    left.remove(name);
                }),
                Err(_) => return Ok(()),
            }
        }
        left.iter().try_for_each(|name| disk::remove(&name.path(root)))
    }
}
