//! Files that others wrote, and files that must be there whole after a crash.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::InstallError;

/// What names of files begin with that are not complete; discovery and people pass hidden names over.
pub(crate) const UNFINISHED: &str = ".new-";

/// Reads a regular file of at most `max` bytes.
pub(crate) fn read_bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    bounded(open_regular(path, OFlags::empty())?, max)
}

/// The same for a file of a capsule, where a symbolic link could lead anywhere.
pub(crate) fn read_bounded_unlinked(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    bounded(open_regular(path, OFlags::NOFOLLOW)?, max)
}

/// Opens a regular file. A pipe is refused instead of waited for.
pub(crate) fn open_regular(path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = i32::try_from((flags | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("is not a regular file")) }
}

fn bounded(file: File, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max {
        return Err(io::Error::other(format!("is larger than {max} bytes, the limit")));
    }
    Ok(bytes)
}

/// Why a file could not be read, in words that follow its name.
pub(crate) fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::Other => error.to_string(),
        _ => format!("cannot be read: {error}"),
    }
}

/// Replaces `path`: after a crash it holds the old bytes or the new ones. Only the owner may read it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), InstallError> {
    let failed = || InstallError::io(path, "cannot be written");
    let dir = path.parent().unwrap_or(Path::new("."));
    make_dirs(dir)?;
    let new = unfinished(path);
    // Made anew, so that no link that somebody left there is written through.
    remove(&new)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(failed())?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| std::fs::rename(&new, path)) {
        let _ = std::fs::remove_file(&new);
        return Err(failed()(error));
    }
    sync_dir(dir)
}

/// What [`replace`] writes before it has its name. One name for each file, so that whoever may replace the file knows
/// what was left of an attempt that was cut short.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsString::from(UNFINISHED);
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}

/// Removes what attempts to replace files in `dir` left. For whoever keeps others from replacing any there.
pub(crate) fn sweep_unfinished(dir: &Path) -> Result<(), InstallError> {
    let left = names(dir)?;
    left.iter().filter(|name| name.starts_with(UNFINISHED)).try_for_each(|name| remove(&dir.join(name)))
}

/// Makes a directory and its parents, private to the owner; names that were made last past a crash.
pub(crate) fn make_dirs(dir: &Path) -> Result<(), InstallError> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_dirs(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(InstallError::io(dir, "cannot be made")(error))
        }
        _ => parent.map_or(Ok(()), sync_dir),
    }
}

/// Waits until the names in `dir` are on the disk.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), InstallError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(InstallError::io(dir, "cannot be written"))
}

/// Renames within one directory, for good.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), InstallError> {
    std::fs::rename(from, to).map_err(InstallError::io(from, "cannot be renamed"))?;
    to.parent().map_or(Ok(()), sync_dir)
}

/// Whether something has this name, be it a link that leads nowhere.
pub(crate) fn exists(path: &Path) -> Result<bool, InstallError> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(InstallError::io(path, "cannot be read")(error)),
    }
}

/// Removes a directory with all in it, a file, or a link and never what it leads to. Nothing there is fine.
pub(crate) fn remove(path: &Path) -> Result<(), InstallError> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => path.parent().map_or(Ok(()), sync_dir),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(InstallError::io(path, "cannot be removed")(error)),
    }
}

/// The names in a directory, sorted; none if there is no such directory.
pub(crate) fn names(dir: &Path) -> Result<Vec<String>, InstallError> {
    let failed = || InstallError::io(dir, "cannot be listed");
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed())?,
    };
    let mut names = Vec::new();
    for entry in entries {
        // A name that is no text is none that this host gave.
        names.extend(entry.map_err(failed())?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}
