//! What an overlay asks of the directories it lies over, beyond what any volume does.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::resolve::{RETRIES, resolve};
use super::temporary::Temporary;
use super::{Direct, failed, sys};
use crate::VfsPath;
use crate::fault::{Fault, Text};
use crate::path::{is_temporary, parts};

/// A name in a directory, and whether it stands for a directory.
pub(crate) type Child = (CString, bool);

impl Direct {
    /// The directory every operation starts from.
    pub(crate) fn top(&self) -> &Arc<OwnedFd> {
        self.root.fd()
    }

    /// Opens a directory by its names from the root, following nothing.
    pub(crate) fn directory(&self, relative: &str) -> Result<OwnedFd, Fault> {
        let mut directory = self.root.fd().clone();
        for part in parts(relative) {
            let next = sys::openat(&directory, part, sys::PIN | OFlags::DIRECTORY, 0).map_err(failed)?;
            directory = Arc::new(next);
        }
        sys::openat(&directory, ".", OFlags::RDONLY | OFlags::DIRECTORY, 0).map_err(failed)
    }

    /// All that a directory holds but temporaries, sorted, also names that no guest could write.
    pub(crate) fn children(&self, relative: &str) -> Result<Vec<Child>, Fault> {
        let directory = self.directory(relative)?;
        let mut found = Vec::new();
        for entry in Dir::read_from(&directory).map_err(failed)? {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::NOENT) => break, // removed while it was read
                Err(error) => return Err(failed(error)),
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || name.to_str().is_ok_and(is_temporary) {
                continue;
            }
            let is_directory = match entry.file_type() {
                FileType::Unknown => {
                    let probed = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW);
                    probed.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
                }
                known => known == FileType::Directory,
            };
            found.push((name.to_owned(), is_directory));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// What is known about a name, if it stands for anything; follows nothing at its end.
    pub(crate) fn peek(&self, path: &VfsPath) -> Result<Option<sys::Meta>, Fault> {
        match resolve(&self.root, path, false, false) {
            Ok(place) if place.relative == path.relative() => Ok(place.node),
            // Something else stands in the middle now.
            Ok(_) | Err(Fault::NotFound | Fault::NotDirectory) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The text of a link.
    pub(crate) fn link_text(&self, path: &VfsPath) -> Result<String, Fault> {
        let place = resolve(&self.root, path, false, false)?;
        sys::readlink(&place.parent, place.name(Fault::InvalidPath)?).map_err(failed)
    }

    /// Makes a symbolic link, taking the name from whatever but a directory has it.
    pub(crate) fn put_link(&self, path: &VfsPath, text: &str) -> Result<(), Fault> {
        let place = resolve(&self.root, path, false, false)?;
        let name = place.name(Fault::IsDirectory)?;
        for _ in 0..RETRIES {
            let temporary = Temporary::new();
            match retry_on_intr(|| rustix::fs::symlinkat(text, &place.parent, &temporary.name)) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(error) => return Err(failed(error)),
            }
            let moved = rustix::fs::renameat(&place.parent, &temporary.name, &place.parent, name);
            return moved.map_err(|error| {
                // The rename's own answer matters more; the next sweep takes what is left.
                let _ = rustix::fs::unlinkat(&place.parent, &temporary.name, AtFlags::empty());
                failed(error)
            });
        }
        Err(Fault::Unknown(Text::RetryLimit))
    }

    /// Sets the permission bits of a directory that this process alone reaches.
    pub(crate) fn set_mode(&self, path: &VfsPath, mode: u32) -> Result<(), Fault> {
        let place = resolve(&self.root, path, false, false)?;
        let name = place.name(Fault::Access)?;
        let mode = Mode::from_raw_mode(mode & 0o777);
        retry_on_intr(|| rustix::fs::chmodat(&place.parent, name, mode, AtFlags::empty())).map_err(failed)
    }
}
