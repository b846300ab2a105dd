//! One compiled file and the sidecar that vouches for it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::own_key::trusted;

/// What the sidecar says of its `.cwasm`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sidecar {
    pub(super) wasm_hash: String,
    pub(super) size: u64,
    pub(super) mac: String,
    pub(super) engine: String,
    pub(super) created_at: u64,
    pub(super) last_used_at: u64,
}

/// Reads a file through a descriptor that was checked, never following a link in its last component: code is run
/// from it.
pub(super) fn read_trusted(path: &Path) -> io::Result<Vec<u8>> {
    let mut file: File = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if !trusted(&metadata) {
        return Err(io::Error::other("not a private regular file of this user"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file that appears whole or not at all, mode 0600.
pub(super) fn write_whole(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".tmp-").tempfile_in(dir)?;
    file.write_all(bytes)?;
    if durable {
        file.as_file().sync_all()?;
    }
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// Seconds since the epoch, 0 before it.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
