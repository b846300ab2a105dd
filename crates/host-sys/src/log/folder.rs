//! Directories and files below the host's root, each opened from the one above and never through a link.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use astrid_host_context::{CapsuleId, Principal};
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, mkdir, mkdirat, open, openat, unlinkat};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The host's root, the only directory that is opened by a path; an operator may have made it a link.
pub(crate) fn root(path: &Path) -> io::Result<OwnedFd> {
    Ok(open(path, FOLDER, Mode::empty())?)
}

/// Makes the host's root for its owner alone, if it is not there.
pub(crate) fn make_root(path: &Path) -> io::Result<()> {
    match mkdir(path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The directory `name` in `parent`. `name` is one ordinary component.
pub(crate) fn enter(parent: impl AsFd, name: &str) -> io::Result<OwnedFd> {
    Ok(openat(parent, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?)
}

/// The same, made for its owner alone if it is not there.
pub(crate) fn make(parent: impl AsFd, name: &str) -> io::Result<OwnedFd> {
    match mkdirat(&parent, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => enter(parent, name),
        Err(error) => Err(error.into()),
    }
}

/// The home of a principal, for whom the host has made one.
pub(super) fn home(root: impl AsFd, principal: &Principal) -> io::Result<OwnedFd> {
    enter(enter(root, "home")?, principal.as_str())
}

/// Opens the day file of a capsule for appending and removes the files that are too old.
pub(super) fn day_file(
    home: OwnedFd,
    capsule: &CapsuleId,
    day: Date,
    retention_days: u16,
) -> io::Result<File> {
    let folder = make(make(make(home, ".local")?, "log")?, capsule.as_str())?;
    prune(&folder, day, retention_days);
    let flags = OFlags::WRONLY
        | OFlags::CREATE
        | OFlags::APPEND
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::CLOEXEC;
    let file = File::from(openat(folder, format!("{day}.log"), flags, Mode::RUSR | Mode::WUSR)?);
    // A pipe or a device in its place would make the writer wait, to open it or to write to it.
    if file.metadata()?.is_file() { Ok(file) } else { Err(Errno::INVAL.into()) }
}

/// Removes the files that are too old today, of all principals and capsules. What cannot be read holds no
/// files of ours.
pub(super) fn prune_all(root: &OwnedFd, retention_days: u16) {
    let today = Offset::UTC.to_datetime(Timestamp::now()).date();
    let Ok(homes) = enter(root, "home") else { return };
    for principal in names(&homes) {
        let logs = enter(&homes, &principal).and_then(|home| enter(enter(home, ".local")?, "log"));
        let Ok(logs) = logs else { continue };
        let folders = names(&logs).into_iter().filter_map(|capsule| enter(&logs, &capsule).ok());
        folders.for_each(|folder| prune(&folder, today, retention_days));
    }
}

fn names(folder: &OwnedFd) -> Vec<String> {
    let Ok(entries) = Dir::read_from(folder) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned));
    names.filter(|name| name != "." && name != "..").collect()
}

fn prune(folder: &OwnedFd, day: Date, retention_days: u16) {
    let Ok(oldest) = day.checked_sub(i64::from(retention_days).days()) else { return };
    let Ok(entries) = Dir::read_from(folder) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().to_str() else { continue };
        let written: Option<Date> = name.strip_suffix(".log").and_then(|day| day.parse().ok());
        if written.is_some_and(|written| written < oldest)
            && let Err(error) = unlinkat(folder, name, AtFlags::empty())
        {
            tracing::warn!(file = name, %error, "an old log file could not be removed");
        }
    }
}
