//! Keys of this host's own: whoever has one can prove that this host wrote something.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

/// 32 random bytes, wiped when dropped.
pub(crate) type OwnKey = Zeroizing<[u8; 32]>;

/// Reads the key at `path`, making it on first use with mode 0600. Waits for the disk.
///
/// # Errors
/// The file cannot be read or made, has the wrong length, or somebody else could have written it.
pub(crate) fn load_or_create(path: &Path) -> io::Result<OwnKey> {
    match create(path) {
        Ok(key) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path),
        Err(error) => Err(error),
    }
}

fn create(path: &Path) -> io::Result<OwnKey> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut key = OwnKey::default();
    getrandom::fill(&mut *key).map_err(io::Error::other)?;
    // Written aside and linked into place, so that a second process never reads half a key.
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".key").tempfile_in(dir)?;
    file.write_all(&*key)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|e| e.error)?;
    Ok(key)
}

fn read(path: &Path) -> io::Result<OwnKey> {
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)?;
    if !trusted(&file.metadata()?) {
        return Err(io::Error::other("owner or mode is wrong; allowed: owned by this user, mode 0600"));
    }
    if file.metadata()?.len() != 32 {
        return Err(io::Error::other("length is wrong; allowed: 32 bytes"));
    }
    let mut key = OwnKey::default();
    file.read_exact(&mut *key)?;
    Ok(key)
}

/// A plain file of this user that nobody else can have written.
pub(crate) fn trusted(metadata: &Metadata) -> bool {
    metadata.is_file()
        && metadata.uid() == rustix::process::geteuid().as_raw()
        && metadata.mode() & 0o077 == 0
}
