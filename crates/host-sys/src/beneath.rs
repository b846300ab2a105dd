//! Files below an open folder, reached by descriptors and never through a symbolic link.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, mkdirat, open, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use zeroize::Zeroizing;

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::CLOEXEC);
const ORDINARY: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

/// An open folder. Names given to its methods are single ordinary path components.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd);

/// Tells apart the temporary files of one process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Dir {
    /// Opens a folder that the operator named.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(open(path, FOLDER, Mode::empty())?))
    }

    /// The folder below, `None` if any part of the way does not exist.
    pub(crate) fn walk(&self, names: &[&str]) -> io::Result<Option<Self>> {
        let mut at = Self(self.0.try_clone()?);
        for name in names {
            at = match at.enter(name) {
                Ok(next) => next,
                Err(Errno::NOENT) => return Ok(None),
                Err(other) => return Err(other.into()),
            };
        }
        Ok(Some(at))
    }

    /// The folder below, made with mode 0700 where it does not exist.
    pub(crate) fn make(&self, names: &[&str]) -> io::Result<Self> {
        let mut at = Self(self.0.try_clone()?);
        for name in names {
            match mkdirat(&at.0, component(name)?, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(other) => return Err(other.into()),
            }
            at = at.enter(name)?;
        }
        Ok(at)
    }

    /// Opens a file for appending, made with mode 0600 if it does not exist.
    pub(crate) fn append(&self, name: &str) -> io::Result<File> {
        // Non-blocking, so that a named pipe in the file's place is an error and not a wait.
        let flags = ORDINARY | OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK;
        let file = openat(&self.0, component(name)?, flags, Mode::RUSR | Mode::WUSR)?;
        regular(file)
    }

    /// The content of a file that only its owner can read, `None` if there is none.
    pub(crate) fn read_private(&self, name: &str, most: u64) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let flags = ORDINARY | OFlags::RDONLY | OFlags::NONBLOCK;
        let file = match openat(&self.0, component(name)?, flags, Mode::empty()) {
            Ok(file) => regular(file)?,
            Err(Errno::NOENT) => return Ok(None),
            Err(other) => return Err(other.into()),
        };
        let stat = fstat(&file)?;
        let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        if stat.st_mode & 0o077 != 0 || size > most {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        // The exact size at once: growing would leave copies that nobody overwrites.
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0)));
        file.take(size).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Puts a file with mode 0600 in place as a whole: after a crash it is the old or the new one.
    pub(crate) fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".tmp-{}-{number}", std::process::id());
        let flags = ORDINARY | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file = File::from(openat(&self.0, &*temporary, flags, Mode::RUSR | Mode::WUSR)?);
        let placed = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| {
            renameat(&self.0, &*temporary, &self.0, component(name)?)?;
            Ok(rustix::fs::fsync(&self.0)?)
        });
        if placed.is_err() {
            // Nothing more can be done about a file that cannot be removed either.
            let _ = unlinkat(&self.0, &*temporary, AtFlags::empty());
        }
        placed
    }

    /// Whether a regular file of that name exists.
    pub(crate) fn has(&self, name: &str) -> io::Result<bool> {
        match statat(&self.0, component(name)?, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile),
            Err(Errno::NOENT) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.0, component(name)?, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    /// The names in the folder that are text.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            if let Ok(name) = entry?.file_name().to_str() {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    fn enter(&self, name: &str) -> Result<Self, Errno> {
        openat(self.0.as_fd(), component(name)?, FOLDER | OFlags::NOFOLLOW, Mode::empty()).map(Self)
    }
}

fn component(name: &str) -> Result<&str, Errno> {
    let ordinary = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
    if ordinary { Ok(name) } else { Err(Errno::INVAL) }
}

fn regular(file: OwnedFd) -> io::Result<File> {
    match FileType::from_raw_mode(fstat(&file)?.st_mode) {
        FileType::RegularFile => Ok(File::from(file)),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}
