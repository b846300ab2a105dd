//! Where a capsule's component lies, and what was recorded of it when it was built.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use astrid_capsule_install::{Meta, is_hash};

use crate::{CapsuleError, Code, Home};

/// No capsule of the published SDK comes near; a larger file is a mistake or an attack.
const MAX_COMPONENT: u64 = 64 << 20;
/// Reads `meta.json` of a capsule directory; a missing one records nothing.
pub(super) fn read_meta(dir: &Path) -> Result<Meta, CapsuleError> {
    let read = Meta::read(dir).map_err(|error| CapsuleError::new(Code::Integrity, error))?;
    Ok(read.unwrap_or_default())
}

/// Reads the component named by the manifest, or the copy of the content store.
pub(super) fn read_component(
    dir: &Path,
    file: &Path,
    meta: &Meta,
    home: &Home,
) -> Result<(PathBuf, Vec<u8>), CapsuleError> {
    let named = if file.is_absolute() { file.to_owned() } else { dir.join(file) };
    let stored = meta.wasm_hash.as_deref().filter(|hash| is_hash(hash));
    let stored = stored.map(|hash| home.bin().join(format!("{hash}.wasm")));
    let mut last = None;
    for path in std::iter::once(named.clone()).chain(stored) {
        match read_bounded(&path, MAX_COMPONENT) {
            Ok(bytes) => return Ok((path, bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => last = Some(error),
            Err(error) => {
                return Err(CapsuleError::new(
                    Code::NotFound,
                    format!("component {}: {error}", path.display()),
                ));
            }
        }
    }
    let error = last.unwrap_or_else(|| io::ErrorKind::NotFound.into());
    Err(CapsuleError::new(
        Code::NotFound,
        format!("component {}: {error}; build it with `capsule build {}`", named.display(), dir.display()),
    ))
}

fn read_bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::other(format!("larger than {max} bytes, the limit")));
    }
    Ok(bytes)
}
