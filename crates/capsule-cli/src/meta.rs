//! `meta.json`, the record beside a built component.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use astrid_capsule_manifest::CapsuleManifest;
use serde::{Deserialize, Serialize};

use crate::error::{CliError, cause};

/// The file's name, at the root of the capsule.
pub(crate) const META_FILE: &str = "meta.json";
/// A record has a few lines for each interface and file of the capsule; more is no record.
const MAX_META_BYTES: u64 = 1024 * 1024;

type ByNamespace = BTreeMap<String, BTreeMap<String, String>>;

/// What a build records. Whoever reads it ignores further keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// The capsule's version.
    #[serde(default)]
    pub(crate) version: String,
    /// Version requirements by namespace and interface.
    #[serde(default)]
    imports: ByNamespace,
    /// Versions by namespace and interface.
    #[serde(default)]
    exports: ByNamespace,
    /// BLAKE3 of the component, 64 lowercase hex digits.
    pub(crate) wasm_hash: Option<String>,
}

impl Meta {
    /// The record of a component with this hash.
    pub(crate) fn of(manifest: &CapsuleManifest, wasm_hash: &str) -> Self {
        let mut imports = ByNamespace::new();
        for (name, import) in &manifest.imports {
            let by_interface = imports.entry(name.namespace.clone()).or_default();
            by_interface.insert(name.interface.clone(), import.version.to_string());
        }
        let mut exports = ByNamespace::new();
        for (name, export) in &manifest.exports {
            let by_interface = exports.entry(name.namespace.clone()).or_default();
            by_interface.insert(name.interface.clone(), export.version.to_string());
        }
        let version = manifest.package.version.to_string();
        Self { version, imports, exports, wasm_hash: Some(wasm_hash.to_owned()) }
    }

    /// The file's content.
    ///
    /// # Errors
    /// Never for what [`Meta::of`] makes; JSON has no other way to say so.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, CliError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| CliError::new(cause(error)))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Where the record of the capsule in `dir` is.
pub(crate) fn path_in(dir: &Path) -> PathBuf {
    dir.join(META_FILE)
}

/// Reads the record of the capsule in `dir`; `None` when there is none.
///
/// # Errors
/// It cannot be read, or is no such record.
pub(crate) fn read(dir: &Path) -> Result<Option<Meta>, CliError> {
    let path = path_in(dir);
    let unreadable = |error: std::io::Error| CliError::at(&path, format_args!("cannot be read: {error}"));
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
        // Opening a pipe would wait for a writer.
        Ok(found) if !found.is_file() => {
            return Err(CliError::at(&path, "is not a regular file").allowed("what `capsule build` writes"));
        }
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(unreadable)?;
    file.take(MAX_META_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    let wrong = |problem: String| {
        CliError::at(&path, problem)
            .allowed("JSON with \"wasm_hash\": 64 lowercase hex digits, as `capsule build` writes it")
    };
    let meta: Meta = serde_json::from_slice(&bytes).map_err(|error| wrong(cause(error)))?;
    match &meta.wasm_hash {
        Some(hash) if !is_hash(hash) => Err(wrong(format!("[wasm_hash] {hash:?} is no BLAKE3 digest"))),
        _ => Ok(Some(meta)),
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
