//! From a file that anybody may have written to a record.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use astrid_capsule_manifest::CapabilitiesDef;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{MAX_META_BYTES, Meta, is_hash};
use crate::{Code, InstallError, disk};

const HASH: &str = "64 lowercase hex digits, as `capsule build` writes them";

/// The file's bytes, if it is there.
pub(super) fn bytes(path: &Path) -> Result<Option<Vec<u8>>, InstallError> {
    match disk::read_bounded(path, MAX_META_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(InstallError::at(Code::Meta, path, disk::unreadable(&error)).allowed(
            format_args!("a regular file of at most {MAX_META_BYTES} bytes, as `capsule build` writes it"),
        )),
    }
}

pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Meta, InstallError> {
    let object: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| {
        InstallError::at(Code::Meta, path, error).allowed(
            "a JSON object with \"wasm_hash\": 64 lowercase hex digits, as `capsule build` writes it",
        )
    })?;
    let mut keys = Keys { object, path };
    let meta = Meta {
        version: keys.take("version", "a text")?.unwrap_or_default(),
        installed_at: keys.text("installed_at")?,
        updated_at: keys.text("updated_at")?,
        source: keys.text("source")?,
        imports: keys.take("imports", "version requirements by namespace and interface")?.unwrap_or_default(),
        exports: keys.take("exports", "versions by namespace and interface")?.unwrap_or_default(),
        wasm_hash: keys.hash("wasm_hash")?,
        library_hashes: keys.hashes("library_hashes")?,
        wit_files: keys.hashes("wit_files")?,
        mcp_hashes: keys.hashes("mcp_hashes")?,
        approved_capabilities: keys
            .take::<CapabilitiesDef>("approved_capabilities", "the keys of [capabilities] in Capsule.toml")?,
        signer: keys.text("signer")?,
        signature: keys.text("signature")?,
        resolved_ref: keys.text("resolved_ref")?,
        provenance_distro: keys.text("provenance_distro")?,
        provenance_source_digest: keys.text("provenance_source_digest")?,
    };
    Ok(meta)
}

struct Keys<'p> {
    object: Map<String, Value>,
    path: &'p Path,
}

impl Keys<'_> {
    /// The value of `key`; none also for `null`, which some writers put where nothing is known.
    fn take<T: DeserializeOwned>(&mut self, key: &str, allowed: &str) -> Result<Option<T>, InstallError> {
        let value = self.object.remove(key).filter(|value| !value.is_null());
        value
            .map(|value| {
                serde_json::from_value(value).map_err(|error| self.wrong(key, &error.to_string(), allowed))
            })
            .transpose()
    }

    fn text(&mut self, key: &str) -> Result<Option<String>, InstallError> {
        self.take(key, "a text")
    }

    fn hash(&mut self, key: &str) -> Result<Option<String>, InstallError> {
        let hash: Option<String> = self.take(key, HASH)?;
        match hash {
            Some(hash) if !is_hash(&hash) => Err(self.no_digest(key, &hash)),
            other => Ok(other),
        }
    }

    fn hashes(&mut self, key: &str) -> Result<BTreeMap<String, String>, InstallError> {
        let hashes: BTreeMap<String, String> = self.take(key, "digests by name")?.unwrap_or_default();
        match hashes.iter().find(|(_, hash)| !is_hash(hash)) {
            Some((name, hash)) => Err(self.no_digest(&format!("{key}.{name}"), hash)),
            None => Ok(hashes),
        }
    }

    fn no_digest(&self, key: &str, hash: &str) -> InstallError {
        self.wrong(key, &format!("{hash:?} is no BLAKE3 digest"), HASH)
    }

    fn wrong(&self, key: &str, problem: &str, allowed: &str) -> InstallError {
        InstallError::at(Code::Meta, self.path, format_args!("[{key}] {problem}")).allowed(allowed)
    }
}
