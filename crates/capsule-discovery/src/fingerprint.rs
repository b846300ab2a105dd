//! What a capsule directory is recognised by.

use std::io;
use std::path::{Path, PathBuf};

use astrid_capsule_manifest::{CapsuleManifest, MANIFEST_FILE, MAX_MANIFEST_BYTES, parse_manifest_bytes};
use serde::{Deserialize, Serialize};

use crate::TrustError;
use crate::file::read_bounded;

/// Largest component that is hashed; the loader accepts none that is larger.
pub const MAX_COMPONENT_BYTES: u64 = 64 << 20;

/// Path, manifest and code of one capsule. Two that are equal are the same capsule, unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fingerprint {
    /// The capsule directory, absolute and without links.
    pub path: PathBuf,
    /// BLAKE3 of `Capsule.toml`, 64 lower-case hex digits.
    pub manifest_hash: String,
    /// BLAKE3 of each component, in the order of the manifest.
    pub wasm_hashes: Vec<String>,
}

impl Fingerprint {
    /// Reads manifest and components of `dir`. Blocks on the disk.
    ///
    /// # Errors
    /// Something cannot be read, or the manifest is refused: what cannot be understood cannot be approved.
    pub fn read(dir: &Path) -> Result<Self, TrustError> {
        let path = dir.join(MANIFEST_FILE);
        let max = u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX);
        let bytes = read_bounded(&path, max).map_err(|error| TrustError::io(&path, &error))?;
        let (manifest, _) = parse_manifest_bytes(&bytes, &path)?;
        Self::of(dir, &bytes, &manifest).map_err(|error| TrustError::io(dir, &error))
    }

    /// The fingerprint of a manifest that was read already, so that what is compared is what was parsed.
    pub(crate) fn of(dir: &Path, manifest_bytes: &[u8], manifest: &CapsuleManifest) -> io::Result<Self> {
        let component = |file: &Path| {
            let file = dir.join(file);
            let bytes = read_bounded(&file, MAX_COMPONENT_BYTES)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
            Ok(hex(&bytes))
        };
        Ok(Self {
            path: dir.canonicalize()?,
            manifest_hash: hex(manifest_bytes),
            wasm_hashes: manifest
                .components
                .iter()
                .map(|one| component(&one.file))
                .collect::<io::Result<_>>()?,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
