//! Keys that this host makes for itself, each in a file of its own below `etc`.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::cache::trusted;

/// Reads a key, making it on first use.
///
/// # Errors
/// The file cannot be read or made, has the wrong length, or somebody else could have written it.
pub(crate) fn load_or_create(path: &Path) -> io::Result<[u8; 32]> {
    match create(path) {
        Ok(key) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path),
        Err(error) => Err(error),
    }
}

fn create(path: &Path) -> io::Result<[u8; 32]> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    // Written aside and linked into place, so that a second process never reads half a key.
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".key").tempfile_in(dir)?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|e| e.error)?;
    Ok(key)
}

fn read(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)?;
    if !trusted(&file.metadata()?) {
        return Err(io::Error::other("owner or mode is wrong; allowed: owned by this user, mode 0600"));
    }
    let mut key = Vec::new();
    file.read_to_end(&mut key)?;
    key.try_into().map_err(|_| io::Error::other("length is wrong; allowed: 32 bytes"))
}
