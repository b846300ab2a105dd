//! What an overlay asks of the directories it lies over, beyond what any volume does.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::resolve::{RETRIES, resolve};
use super::temporary::Temporary;
use super::{Direct, failed, sys};
use crate::fault::{Fault, Text};
use crate::path::{is_temporary, parts};
use crate::volume::FileKind;
use crate::{VfsPath, errno};

/// A name in a directory, and whether it stands for a directory.
pub(crate) type Child = (CString, bool);

impl Direct {
    /// Whether paths may be looked up by `openat2`.
    pub(crate) fn is_quick(&self) -> bool {
        self.root.quick()
    }

    /// The directory every operation starts from.
    pub(crate) fn top(&self) -> &Arc<OwnedFd> {
        self.root.fd()
    }

    /// Opens a directory by its names from the root, following nothing.
    pub(crate) fn directory(&self, relative: &str) -> Result<OwnedFd, Fault> {
        let mut directory = self.root.fd().clone();
        for part in parts(relative) {
            directory = Arc::new(sys::open_directory(&directory, part).map_err(failed)?);
        }
        sys::reopen(&directory).map_err(failed)
    }

    /// Waits until the names in a directory are on the device.
    pub(crate) fn sync_directory(&self, relative: &str) -> Result<(), Fault> {
        sys::sync_all(self.directory(relative)?).map_err(errno::handle)
    }

    /// Waits until a file or directory, all below it and the names that lead to it are on the device.
    pub(crate) fn sync_tree(&self, relative: &str) -> Result<(), Fault> {
        let mut above = relative;
        while let Some((parent, _)) = above.rsplit_once('/') {
            self.sync_directory(parent)?;
            above = parent;
        }
        if !relative.is_empty() {
            self.sync_directory("")?;
        }
        let mut waiting = vec![relative.to_owned()];
        while let Some(at) = waiting.pop() {
            let directory = match self.directory(&at) {
                Err(Fault::NotDirectory) => {
                    self.sync_file(&at)?;
                    continue;
                }
                directory => directory?,
            };
            sys::sync_all(&directory).map_err(errno::handle)?;
            let names = self.children(&at)?.into_iter().filter_map(|(name, _)| name.into_string().ok());
            waiting.extend(names.map(|name| if at.is_empty() { name } else { format!("{at}/{name}") }));
        }
        Ok(())
    }

    /// Of a link, its name says all.
    fn sync_file(&self, relative: &str) -> Result<(), Fault> {
        let (parent, name) = relative.rsplit_once('/').unwrap_or(("", relative));
        let directory = self.directory(parent)?;
        match sys::stat_at(&directory, name).map_err(failed)?.kind() {
            FileKind::Regular => {
                let file = sys::openat(&directory, name, OFlags::RDONLY | OFlags::NONBLOCK, 0);
                sys::sync_all(file.map_err(failed)?).map_err(errno::handle)
            }
            _ => Ok(()),
        }
    }

    /// All that a directory holds but temporaries, sorted, also names that no guest could write.
    pub(crate) fn children(&self, relative: &str) -> Result<Vec<Child>, Fault> {
        let directory = self.directory(relative)?;
        let mut found = Vec::new();
        for entry in sys::list(&directory).map_err(failed)? {
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
                    let probed = sys::stat_at(&directory, name);
                    probed.is_ok_and(|meta| meta.kind() == FileKind::Directory)
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
            match sys::symlink(text, &place.parent, &temporary.name) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(error) => return Err(failed(error)),
            }
            let moved = sys::rename(&place.parent, &temporary.name, &place.parent, name);
            return moved.map_err(|error| {
                // The rename's own answer matters more; the next sweep takes what is left.
                let _ = sys::unlink(&place.parent, temporary.name.as_str());
                failed(error)
            });
        }
        Err(Fault::Unknown(Text::RetryLimit))
    }

    /// Sets the permission bits of a directory that this process alone reaches.
    pub(crate) fn set_mode(&self, path: &VfsPath, mode: u32) -> Result<(), Fault> {
        let place = resolve(&self.root, path, false, false)?;
        let name = place.name(Fault::Access)?;
        sys::chmod_at(&place.parent, name, mode & 0o777).map_err(failed)
    }
}
