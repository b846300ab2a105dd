//! The socket file: made private, never taken from somebody who still listens, gone at the end.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::error::CliError;

/// Where `--listen` without a path listens, and where the other commands look.
pub(crate) fn default_path(home: &Path) -> PathBuf {
    home.join("run").join("capsule.sock")
}

/// A bound socket. Dropping it removes the file, if it is still ours.
pub(crate) struct Endpoint {
    pub(super) listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Endpoint {
    /// Listens at `path`, which becomes a socket with mode 0600. A socket nobody listens on any more is replaced.
    pub(crate) async fn bind(path: &Path) -> Result<Self, CliError> {
        let failed = |what: &str, error: io::Error| CliError::at(path, format!("--listen: {what}: {error}"));
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent);
        made.map_err(|error| failed("the directory cannot be made", error))?;
        vacant(path).await?;
        // Bound under another name first: under its own it would be connectable before its mode is set.
        let aside = tempfile::Builder::new().prefix(".l").tempdir_in(parent);
        let aside = aside.map_err(|error| failed("the directory cannot be written", error))?;
        let unfinished = aside.path().join("s");
        let listener = UnixListener::bind(&unfinished).map_err(|error| failed("cannot listen", error))?;
        std::fs::set_permissions(&unfinished, Permissions::from_mode(0o600))
            .and_then(|()| std::fs::rename(&unfinished, path))
            .map_err(|error| failed("cannot be made", error))?;
        let inode = std::fs::symlink_metadata(path).map_err(|error| failed("is gone", error))?.ino();
        Ok(Self { listener, path: path.to_owned(), inode })
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|now| now.ino() == self.inode) {
            // What is left behind is found stale by the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Nothing at `path`, or a socket nobody answers at.
async fn vacant(path: &Path) -> Result<(), CliError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(CliError::at(path, format!("--listen: {error}"))),
        Ok(found) if !found.file_type().is_socket() => {
            Err(CliError::at(path, "--listen: something else is there").allowed("a path where nothing is"))
        }
        Ok(_) => match UnixStream::connect(path).await {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Ok(_) => {
                Err(CliError::at(path, "--listen: another run listens here").allowed("a path of its own"))
            }
            Err(error) => Err(CliError::at(path, format!("--listen: {error}"))),
        },
    }
}
