//! Only bytes whose hash somebody recorded are compiled.

use std::path::Path;

use astrid_capsule_install::{Meta, is_hash};

use crate::{CapsuleError, Code};

/// What becomes of a component that carries no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unrecorded {
    /// It is not loaded.
    Refused,
    /// It is, for development.
    Warned,
    /// It is about to be recorded.
    Fine,
}

/// Checks the bytes that will be compiled against every recorded hash, and returns their own.
pub(super) fn verify(
    file: &Path,
    bytes: &[u8],
    pinned: Option<&str>,
    meta: &Meta,
    unrecorded: Unrecorded,
) -> Result<blake3::Hash, CapsuleError> {
    looks_like_component(file, bytes)?;
    let actual = blake3::hash(bytes);
    let recorded =
        [("Capsule.toml [component] hash", pinned), ("meta.json wasm_hash", meta.wasm_hash.as_deref())];
    for (whence, expected) in recorded {
        let Some(expected) = expected else { continue };
        let refuse = |problem: String| {
            Err(CapsuleError::new(Code::Integrity, format!("{}: {problem}", file.display())))
        };
        if !is_hash(expected) {
            return refuse(format!("{whence} is {expected:?}; allowed: 64 lowercase hex digits of BLAKE3"));
        }
        if expected != actual.to_hex().as_str() {
            return refuse(format!("{whence} says {expected}, the file has {}", actual.to_hex()));
        }
    }
    if recorded.iter().all(|(_, hash)| hash.is_none()) {
        if unrecorded == Unrecorded::Refused {
            return Err(CapsuleError::new(
                Code::Integrity,
                format!(
                    "{}: no recorded BLAKE3 hash; reinstall the capsule, or rebuild it with `capsule build`",
                    file.display()
                ),
            ));
        }
        if unrecorded == Unrecorded::Warned {
            tracing::warn!(file = %file.display(), "component has no recorded hash and is loaded unverified");
        }
    }
    Ok(actual)
}

/// Tells the three common mistakes apart before the compiler gives one of its own errors.
fn looks_like_component(file: &Path, bytes: &[u8]) -> Result<(), CapsuleError> {
    let refuse = |problem: &str| {
        Err(CapsuleError::new(Code::UnsupportedEntryPoint, format!("{}: {problem}", file.display())))
    };
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => {
            refuse("is a core module; only components run here: `capsule build` makes one of it")
        }
        Some([0, b'a', b's', b'm', ..]) => refuse("is of an unknown WebAssembly layer; allowed: a component"),
        _ => refuse("not a WebAssembly binary; allowed: a component"),
    }
}
