//! The socket's file: where it lies, who may reach it, what may be in its way.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Bytes of a path that fit into `sockaddr_un` with the final zero, on Linux and elsewhere.
const SUN_PATH: usize = if cfg!(target_os = "linux") { 108 } else { 104 };

/// A bound socket's file, removed when dropped if it is still the same.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    inode: (u64, u64),
}

impl Place {
    /// Binds `path` or, if that is too long, a name of fixed length beside it.
    pub(super) fn bind(path: &Path) -> io::Result<(UnixListener, Self)> {
        let path = fitting(path);
        if let Some(directory) = path.parent() {
            private(directory)?;
        }
        clear(&path)?;
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600))?;
        let found = std::fs::symlink_metadata(&path)?;
        listener.set_nonblocking(true)?;
        Ok((listener, Self { inode: (found.dev(), found.ino()), path }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let same = |found: std::fs::Metadata| (found.dev(), found.ino()) == self.inode;
        if std::fs::symlink_metadata(&self.path).is_ok_and(same) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The directory alone keeps others out between bind and chmod, so an existing one is closed too.
fn private(directory: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o700))
}

/// Makes room for the socket: a symlink goes and its target stays, a dead socket goes, a live one and
/// anything else is an error.
fn clear(path: &Path) -> io::Result<()> {
    let kind = match std::fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let in_the_way = |what| Err(io::Error::new(io::ErrorKind::AddrInUse, what));
    if kind.is_socket() {
        if UnixStream::connect(path).is_ok() {
            return in_the_way("another process listens on the socket; stop it, or use another home");
        }
    } else if !kind.is_symlink() {
        return in_the_way("the socket's place is taken by something else; remove it");
    }
    std::fs::remove_file(path)
}

fn fitting(path: &Path) -> PathBuf {
    if path.as_os_str().as_bytes().len() < SUN_PATH {
        return path.to_owned();
    }
    let name = path.file_name().unwrap_or_default();
    let hash = blake3::hash(name.as_bytes()).to_hex();
    let mut short = OsString::from(hash.as_str().get(..16).unwrap_or_default());
    short.push(".sock");
    path.with_file_name(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_too_long_for_the_kernel_gets_a_name_of_fixed_length() {
        let long = Path::new("/run/c").join(format!("{}.sock", "x".repeat(120)));
        let short = fitting(&long);
        assert_eq!(short.parent(), long.parent());
        assert!(short.as_os_str().len() < SUN_PATH);
        assert_ne!(short, fitting(&Path::new("/run/c").join(format!("{}.sock", "y".repeat(120)))));
        let fits = Path::new("/run/c").join("x".repeat(SUN_PATH - 8));
        assert_eq!(fitting(&fits), fits);
    }
}
