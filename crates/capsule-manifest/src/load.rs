//! Reading manifests from files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::code::Code;
use crate::error::{ManifestError, ManifestFault, ManifestWarning};
use crate::manifest::CapsuleManifest;
use crate::parse::{MAX_MANIFEST_BYTES, parse_manifest, too_large, whole_file};
use crate::position::LineIndex;

/// Reads and parses the manifest at `path`, normally `<capsule>/`[`MANIFEST_FILE`](crate::MANIFEST_FILE).
///
/// # Errors
/// `unreadable`, `manifest-too-large`, `not-utf8`, and everything that [`parse_manifest`] refuses.
pub fn load_manifest(
    path: &Path,
) -> Result<(CapsuleManifest, Vec<ManifestWarning>), ManifestError> {
    parse_manifest(&read_text(path)?, path)
}

/// Loads the manifest at `path` for its author: whatever is merely odd is refused as well, except references to WIT
/// records that cannot be resolved.
///
/// # Errors
/// As [`load_manifest`], and every warning but `unresolved-wit` as a fault with the warning's code.
pub fn check_manifest(
    path: &Path,
) -> Result<(CapsuleManifest, Vec<ManifestWarning>), ManifestError> {
    let (manifest, warnings) = load_manifest(path)?;
    let (kept, promoted): (Vec<_>, Vec<_>) = warnings
        .into_iter()
        .partition(|warning| warning.code == Code::UnresolvedWit);
    if promoted.is_empty() {
        return Ok((manifest, kept));
    }
    Err(ManifestError::from_faults(
        promoted.into_iter().map(ManifestFault::from).collect(),
    ))
}

/// Parses a manifest that is already in memory as bytes, such as an entry of an archive.
///
/// # Errors
/// `manifest-too-large`, `not-utf8`, and everything that [`parse_manifest`] refuses.
pub fn parse_manifest_bytes(
    bytes: &[u8],
    path: &Path,
) -> Result<(CapsuleManifest, Vec<ManifestWarning>), ManifestError> {
    if bytes.len() > MAX_MANIFEST_BYTES {
        return Err(too_large(path).into());
    }
    parse_manifest(utf8(bytes, path)?, path)
}

/// Reads a file of at most [`MAX_MANIFEST_BYTES`] bytes.
pub(crate) fn read_text(path: &Path) -> Result<String, ManifestError> {
    let unreadable = |reason: &dyn std::fmt::Display| {
        whole_file(
            path,
            Code::Unreadable,
            format!("cannot be read: {reason}"),
            "",
        )
    };
    // Opening a pipe would wait for a writer.
    if !std::fs::metadata(path)
        .map_err(|error| unreadable(&error))?
        .is_file()
    {
        return Err(unreadable(&"not a regular file").into());
    }
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_MANIFEST_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    if bytes.len() > MAX_MANIFEST_BYTES {
        return Err(too_large(path).into());
    }
    utf8(&bytes, path).map(str::to_owned)
}

fn utf8<'b>(bytes: &'b [u8], path: &Path) -> Result<&'b str, ManifestError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let valid = bytes
            .get(..offset)
            .and_then(|prefix| std::str::from_utf8(prefix).ok())
            .unwrap_or_default();
        let (line, column) = LineIndex::new(valid).locate(offset);
        let mut fault = whole_file(
            path,
            Code::NotUtf8,
            format!("the byte at offset {offset} is not UTF-8"),
            "UTF-8 text",
        );
        (fault.line, fault.column) = (Some(line), Some(column));
        fault.into()
    })
}
