//! Removing a directory with all it holds, at any depth with few descriptors and a short stack.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::bytes::Bytes;
use super::resolve::RETRIES;
use super::{Direct, failed, sys};
use crate::errno;
use crate::fault::{Fault, Text};
use crate::volume::{At, FileId, FileKind, Stop};

/// Directories kept open; those above are found again as `..` and recognised by their identity.
const OPEN: usize = 32;

/// Entries read at a time, and removed between two looks at the token; the contract's figure.
const BATCH: usize = 256;

impl Direct {
    pub(super) fn remove_tree(&self, at: At<'_>) -> Result<u64, Fault> {
        // A slash at the end must not make this follow a link: the link itself is no directory.
        let path = at.path.clone().naming();
        let place = self.find(At { path: &path, ..at }, false)?;
        let node = place.existing()?;
        let name = place.name(Fault::Access)?;
        if node.kind() != FileKind::Directory {
            return Err(Fault::NotDirectory);
        }
        self.root.guard().spares(&self.root, &place)?;
        self.spares_withheld(&place.relative, at.stop)?;
        at.consent.proceed()?;
        let mut removal =
            Removal { levels: Vec::new(), removed: 0, stop: at.stop, bytes: self.bytes.as_deref() };
        let result = removal.run(place.parent.as_fd(), name);
        self.gone(removal.removed);
        result.map(|()| removal.removed)
    }
}

struct Removal<'a> {
    levels: Vec<Level>,
    removed: u64,
    stop: &'a Stop,
    bytes: Option<&'a Bytes>,
}

/// A directory on the way down.
struct Level {
    name: CString,
    id: FileId,
    fd: Option<OwnedFd>,
    batch: Vec<(CString, bool)>,
    /// How often it was found not to be empty after all.
    refilled: usize,
}

impl Removal<'_> {
    fn run(&mut self, parent: impl AsFd, name: &str) -> Result<(), Fault> {
        let name = CString::new(name).map_err(|_| Fault::InvalidPath)?;
        let top = open(&parent, &name)?.ok_or(Fault::NotDirectory)?;
        self.enter(name, top)?;
        while let Some(level) = self.levels.last_mut() {
            if let Some((name, directory)) = level.batch.pop() {
                let fd = level.fd.as_ref().ok_or(Fault::Unknown(Text::Io))?;
                if !directory && unlink(fd, &name, self.bytes)? {
                    self.step()?;
                    continue;
                }
                match open(fd, &name) {
                    Ok(Some(child)) => self.enter(name, child)?,
                    // No directory after all, or gone: the next batch shows.
                    Ok(None) => {
                        if unlink(fd, &name, self.bytes)? {
                            self.step()?;
                        }
                    }
                    Err(fault) => return Err(fault),
                }
                continue;
            }
            let fd = level.fd.as_ref().ok_or(Fault::Unknown(Text::Io))?;
            level.batch = batch(fd)?;
            if level.batch.is_empty() {
                self.leave(&parent)?;
            }
        }
        Ok(())
    }

    fn enter(&mut self, name: CString, fd: OwnedFd) -> Result<(), Fault> {
        let id = sys::stat(&fd).map_err(failed)?.id();
        self.levels.push(Level { name, id, fd: Some(fd), batch: Vec::new(), refilled: 0 });
        if let Some(old) = self.levels.len().checked_sub(OPEN + 1).and_then(|at| self.levels.get_mut(at)) {
            old.fd = None;
            old.batch = Vec::new();
        }
        Ok(())
    }

    /// Removes the directory at the bottom, which was empty when last read.
    fn leave(&mut self, outside: impl AsFd) -> Result<(), Fault> {
        let Some(mut level) = self.levels.pop() else { return Ok(()) };
        if let Some(above) = self.levels.last_mut()
            && above.fd.is_none()
        {
            let child = level.fd.as_ref().ok_or(Fault::Unknown(Text::Io))?;
            let parent = sys::openat(child, "..", OFlags::RDONLY | OFlags::DIRECTORY, 0).map_err(failed)?;
            // The tree was moved about: what is above is not what this call came through.
            if sys::stat(&parent).map_err(failed)?.id() != above.id {
                return Err(Fault::Unknown(Text::RetryLimit));
            }
            above.fd = Some(parent);
        }
        let parent = match self.levels.last() {
            Some(above) => above.fd.as_ref().ok_or(Fault::Unknown(Text::Io))?.as_fd(),
            None => outside.as_fd(),
        };
        match sys::rmdir(parent, level.name.as_c_str()) {
            Ok(()) => self.step(),
            Err(Errno::NOENT) => Ok(()),
            // Only what was moved here can be something else now; the next batch shows.
            Err(Errno::NOTDIR) if !self.levels.is_empty() => Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) if level.refilled < RETRIES => {
                level.refilled += 1;
                self.levels.push(level);
                Ok(())
            }
            Err(error) => Err(errno::path(error)),
        }
    }

    fn step(&mut self) -> Result<(), Fault> {
        self.removed += 1;
        if self.removed.is_multiple_of(BATCH as u64) { self.stop.check() } else { Ok(()) }
    }
}

/// Opens a directory; none if the name stands for nothing or for something else.
fn open(parent: impl AsFd, name: &CString) -> Result<Option<OwnedFd>, Fault> {
    match sys::openat(parent, name.as_c_str(), OFlags::RDONLY | OFlags::DIRECTORY, 0) {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Removes a name that is no directory; false if it is gone, or is one.
fn unlink(parent: impl AsFd, name: &CString, bytes: Option<&Bytes>) -> Result<bool, Fault> {
    let counted = bytes.map(|bytes| (bytes, bytes.names(), sys::pin(&parent, name.as_c_str())));
    match sys::unlink(&parent, name.as_c_str()) {
        Ok(()) => {
            if let Some((bytes, _alone, Ok(old))) = &counted {
                bytes.shrink(bytes.freed(old));
            }
            Ok(true)
        }
        Err(Errno::NOENT | Errno::ISDIR) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// Some of what a directory holds, with whether each is said to be a directory.
fn batch(directory: impl AsFd) -> Result<Vec<(CString, bool)>, Fault> {
    let mut names = Vec::new();
    for entry in sys::list(directory).map_err(failed)? {
        let entry = match entry {
            Ok(entry) => entry,
            Err(Errno::NOENT) => break,
            Err(error) => return Err(failed(error)),
        };
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        names.push((entry.file_name().to_owned(), entry.file_type() == FileType::Directory));
        if names.len() == BATCH {
            break;
        }
    }
    Ok(names)
}
