//! Operator files below the host's root: opened without following a link, bounded, private to their owner.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Mode, OFlags, fsync, mkdirat, open, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

/// Largest operator file: far more than a person writes, little enough to read at once.
pub(crate) const MAX_FILE: u64 = 64 * 1024;
/// A file written this recently may be written again without its times showing it: file systems
/// stamp with the kernel's tick, not with the clock.
const UNSETTLED: Duration = Duration::from_millis(50);

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// What a file looked like; while it is equal and settled, so is the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    seen: Option<Seen>,
    settled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    // Wide enough for what any system has there.
    device: i128,
    inode: u64,
    size: i64,
    modified: (i64, i128),
    changed: (i64, i128),
}

impl Stamp {
    /// No file is there.
    pub const ABSENT: Self = Self { seen: None, settled: true };

    /// A stamp for sources that are no files: equal numbers stand for equal content.
    #[must_use]
    pub fn version(number: u64) -> Self {
        let seen = Seen { device: 0, inode: number, size: 0, modified: (0, 0), changed: (0, 0) };
        Self { seen: Some(seen), settled: true }
    }

    /// Whether a file is there.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.seen.is_some()
    }

    /// Whether what was read under this stamp is what a file with stamp `now` holds.
    #[must_use]
    pub fn still(&self, now: &Self) -> bool {
        self.settled && self.seen == now.seen
    }

    fn of(stat: &rustix::fs::Stat) -> Self {
        let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let modified = i128::from(stat.st_mtime_nsec);
        let written = written + Duration::from_nanos(u64::try_from(modified).unwrap_or(0));
        // A time in the future says nothing about when it was written: read again until it passed.
        let settled = written.elapsed().is_ok_and(|age| age > UNSETTLED);
        let seen = Seen {
            device: i128::from(stat.st_dev),
            inode: stat.st_ino,
            size: stat.st_size,
            modified: (stat.st_mtime, modified),
            changed: (stat.st_ctime, i128::from(stat.st_ctime_nsec)),
        };
        Self { seen: Some(seen), settled }
    }
}

/// Who may look into a file besides its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// Nobody else may write it.
    OwnerWrites,
    /// Nobody else may read or write it.
    OwnerOnly,
}

/// The host's root directory, from which every file is reached.
#[derive(Debug)]
pub(crate) struct Root(OwnedFd);

impl Root {
    /// The one directory opened by a path; an operator may have made it a link.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(open(path, FOLDER, Mode::empty())?))
    }

    /// How the file looks now. May wait for a disk.
    pub(crate) fn stamp(&self, path: &str) -> Stamp {
        match statat(&self.0, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Stamp::of(&stat),
            Err(_) => Stamp::ABSENT,
        }
    }

    /// The same from the kernel's cache alone; `None` when it would have to ask a disk, or does not know
    /// the difference.
    #[cfg(target_os = "linux")]
    pub(crate) fn stamp_cached(&self, path: &str) -> Option<Stamp> {
        use rustix::fs::{ResolveFlags, fstat, openat2};

        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let how = ResolveFlags::CACHED | ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match openat2(&self.0, path, flags, Mode::empty(), how) {
            Ok(found) => fstat(found).ok().map(|stat| Stamp::of(&stat)),
            Err(Errno::NOENT) => Some(Stamp::ABSENT),
            Err(_) => None,
        }
    }

    /// Only Linux looks at its cache alone.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn stamp_cached(&self, _: &str) -> Option<Stamp> {
        None
    }

    /// The text of the file `name` in `folders`; `None` when it or a folder is not there.
    pub(crate) fn read(&self, folders: &[&str], name: &str, privacy: Privacy) -> io::Result<Option<String>> {
        let Some(file) = absent_as_none(self.open_file(folders, name))? else { return Ok(None) };
        let found = file.metadata()?;
        check(&found, privacy)?;
        let mut text = String::new();
        // One byte more than allowed, so that a file that grew meanwhile is noticed.
        file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => io::Error::other("is not UTF-8 text"),
            _ => error,
        })?;
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if length > MAX_FILE { Err(too_long(length)) } else { Ok(Some(text)) }
    }

    /// Makes the folders that are missing, for their owner alone, and opens the last.
    pub(crate) fn make(&self, folders: &[&str]) -> io::Result<OwnedFd> {
        folders.iter().try_fold(self.0.try_clone()?, |at, name| match mkdirat(&at, *name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => enter(at, name),
            Err(error) => Err(error.into()),
        })
    }

    /// Replaces the whole file, for its owner alone: after a crash it holds the old text or the new. Waits
    /// for the disk.
    pub(crate) fn replace(&self, folders: &[&str], name: &str, text: &str) -> io::Result<()> {
        let folder = self.make(folders)?;
        let fresh = format!(".{name}.{}", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&folder, &fresh, flags, Mode::RUSR | Mode::WUSR)?);
        let replaced = io::Write::write_all(&mut file, text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(renameat(&folder, &fresh, &folder, name)?));
        if let Err(error) = replaced {
            // The first error says more than a second one would.
            let _ = unlinkat(&folder, &fresh, AtFlags::empty());
            return Err(error);
        }
        Ok(fsync(&folder)?)
    }

    /// Removes the file, if it is there, for good.
    pub(crate) fn remove(&self, folders: &[&str], name: &str) -> io::Result<()> {
        let Some(folder) = self.folder(folders)? else { return Ok(()) };
        match unlinkat(&folder, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            other => Ok(other.and_then(|()| fsync(&folder))?),
        }
    }

    /// Opens a folder; `None` when it is not there.
    pub(crate) fn folder(&self, folders: &[&str]) -> io::Result<Option<OwnedFd>> {
        absent_as_none(self.walk(folders))
    }

    fn walk(&self, folders: &[&str]) -> io::Result<OwnedFd> {
        folders.iter().try_fold(self.0.try_clone()?, enter)
    }

    fn open_file(&self, folders: &[&str], name: &str) -> io::Result<File> {
        // A pipe in the file's place must not make the thread wait.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(openat(self.walk(folders)?, name, flags, Mode::empty())?))
    }
}

/// The directory `name` in `parent`, never through a link.
pub(crate) fn enter(parent: impl AsFd, name: impl AsRef<str>) -> io::Result<OwnedFd> {
    Ok(openat(parent, name.as_ref(), FOLDER | OFlags::NOFOLLOW, Mode::empty())?)
}

/// What is in a folder, `.` and `..` and names that are no text left out.
pub(crate) fn names(folder: &OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder)? {
        let entry = entry?;
        match entry.file_name().to_str() {
            Ok("." | "..") | Err(_) => {}
            Ok(name) => names.push(name.to_owned()),
        }
    }
    Ok(names)
}

fn check(found: &std::fs::Metadata, privacy: Privacy) -> io::Result<()> {
    if !found.is_file() {
        return Err(io::Error::other("is not a plain file"));
    }
    if found.len() > MAX_FILE {
        return Err(too_long(found.len()));
    }
    let me = rustix::process::geteuid().as_raw();
    if found.uid() != me && found.uid() != 0 {
        return Err(io::Error::other("belongs to another user; allowed: the host's own user, or root"));
    }
    match privacy {
        Privacy::OwnerWrites if found.mode() & 0o022 != 0 => {
            Err(io::Error::other("can be written by others; allowed: mode 0600 or 0644"))
        }
        Privacy::OwnerOnly if found.mode() & 0o077 != 0 => {
            Err(io::Error::other("is open to others; allowed: mode 0600"))
        }
        _ => Ok(()),
    }
}

fn too_long(length: u64) -> io::Error {
    io::Error::other(format!("has {length} bytes or more; allowed: up to {MAX_FILE}"))
}

fn absent_as_none<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_cache_says_the_same_as_the_file_system() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        for text in ["a", "b"] {
            std::fs::write(dir.path().join("file"), text).unwrap();
            let stamp = root.stamp("file");
            // A kernel without the call has nothing to compare.
            if let Some(cached) = root.stamp_cached("file") {
                assert_eq!(cached.seen, stamp.seen);
            }
        }
        assert_eq!(root.stamp("no/such"), Stamp::ABSENT);
        assert!(root.stamp_cached("no/such").is_none_or(|stamp| stamp == Stamp::ABSENT));
        std::os::unix::fs::symlink(dir.path().join("file"), dir.path().join("link")).unwrap();
        let link = root.stamp("link").seen;
        assert!(root.stamp_cached("link").is_none_or(|cached| cached.seen == link), "the link itself");
    }
}
