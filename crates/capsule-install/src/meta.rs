//! `meta.json`, the record of a capsule that was built or installed.

mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use astrid_capsule_manifest::{CapabilitiesDef, CapsuleManifest};
use serde::Serialize;

use crate::{Code, InstallError, disk};

/// The record's name, at the root of the capsule.
pub const META_FILE: &str = "meta.json";
/// A record has a few lines for each interface, file and capability of the capsule; more is no record.
pub const MAX_META_BYTES: u64 = 1024 * 1024;

/// Texts by namespace and interface.
pub type ByNamespace = BTreeMap<String, BTreeMap<String, String>>;

/// What is recorded of a capsule. Keys that are not listed here are ignored when a record is read; those that are
/// empty are left out when one is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Meta {
    /// The capsule's version.
    pub version: String,
    /// When the capsule was first installed: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed_at: Option<String>,
    /// When this version was installed: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    /// Where it came from, as it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Version requirements by namespace and interface.
    pub imports: ByNamespace,
    /// Versions by namespace and interface.
    pub exports: ByNamespace,
    /// BLAKE3 of the program, 64 lowercase hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wasm_hash: Option<String>,
    /// BLAKE3 of each library component by its path in the manifest.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub library_hashes: BTreeMap<String, String>,
    /// BLAKE3 of each WIT file by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub wit_files: BTreeMap<String, String>,
    /// BLAKE3 of each MCP server's program by the server's id, where the manifest pins it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mcp_hashes: BTreeMap<String, String>,
    /// What an operator allowed the capsule; `None` if nobody was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_capabilities: Option<CapabilitiesDef>,
    /// Who signed the package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// What a reference of the source resolved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_ref: Option<String>,
    /// The distribution it was part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance_distro: Option<String>,
    /// The digest of that distribution's source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance_source_digest: Option<String>,
}

impl Meta {
    /// The record of a capsule with this program, as a build writes it.
    #[must_use]
    pub fn of(manifest: &CapsuleManifest, wasm_hash: Option<&str>) -> Self {
        let mut meta = Self {
            version: manifest.package.version.to_string(),
            wasm_hash: wasm_hash.map(str::to_owned),
            ..Self::default()
        };
        for (name, import) in &manifest.imports {
            let namespace = meta.imports.entry(name.namespace.clone()).or_default();
            namespace.insert(name.interface.clone(), import.version.to_string());
        }
        for (name, export) in &manifest.exports {
            let namespace = meta.exports.entry(name.namespace.clone()).or_default();
            namespace.insert(name.interface.clone(), export.version.to_string());
        }
        meta
    }

    /// The record of the capsule in `dir`; `None` if there is none.
    ///
    /// # Errors
    /// [`Code::Meta`]: it cannot be read, is larger than [`MAX_META_BYTES`], or a key holds something else than it
    /// should. The message names file, key and what is allowed.
    pub fn read(dir: &Path) -> Result<Option<Self>, InstallError> {
        let path = Self::path_in(dir);
        read::bytes(&path)?.map(|bytes| Self::parse(&bytes, &path)).transpose()
    }

    /// Reads a record that is in memory; `path` is for messages.
    ///
    /// # Errors
    /// As [`Meta::read`].
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, InstallError> {
        read::parse(bytes, path)
    }

    /// The whole record of the capsule in `dir` with the keys that [`Meta`] does not know, for reporting; `None` if
    /// there is none that can be read.
    #[must_use]
    pub fn read_object(dir: &Path) -> Option<serde_json::Map<String, serde_json::Value>> {
        serde_json::from_slice(&read::bytes(&Self::path_in(dir)).ok()??).ok()
    }

    /// The file's content.
    ///
    /// # Errors
    /// Never for what this crate makes; JSON has no other way to say so.
    pub fn to_bytes(&self) -> Result<Vec<u8>, InstallError> {
        let json = serde_json::to_vec_pretty(self);
        let mut bytes =
            json.map_err(|error| InstallError::new(Code::Meta, format_args!("{META_FILE}: {error}")))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Writes the record of the capsule in `dir`: after a crash there is the old one or this one.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), InstallError> {
        disk::replace(&Self::path_in(dir), &self.to_bytes()?)
    }

    /// Where the record of the capsule in `dir` is.
    #[must_use]
    pub fn path_in(dir: &Path) -> PathBuf {
        dir.join(META_FILE)
    }

    /// What the record allows the capsule.
    #[must_use]
    pub fn approved(&self) -> CapabilitiesDef {
        self.approved_capabilities.clone().unwrap_or_default()
    }
}

/// Whether `text` is a BLAKE3 digest as records hold it: 64 lowercase hex digits.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
