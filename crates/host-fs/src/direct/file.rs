//! An open file of the system.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};

use super::sys::{self, Meta};
use crate::errno;
use crate::fault::{Fault, Text};
use crate::inodes;
use crate::volume::{File, FileId, FileKind, FileStat};

/// A regular file, open.
#[derive(Debug)]
pub(super) struct DirectFile {
    fd: OwnedFd,
    id: FileId,
    /// Whether reads from memory may be tried on a runtime worker.
    local: bool,
    /// The directory this descriptor's opening made a name in.
    made_in: Option<Arc<OwnedFd>>,
}

impl DirectFile {
    /// Takes a descriptor over if it is a regular file's.
    pub(super) fn new(
        fd: OwnedFd,
        local: bool,
        made_in: Option<Arc<OwnedFd>>,
    ) -> Result<(Self, Meta), Fault> {
        let meta = sys::stat(&fd).map_err(errno::handle)?;
        match meta.kind() {
            FileKind::Regular => Ok((Self { fd, id: meta.id(), local, made_in }, meta)),
            FileKind::Directory => Err(Fault::IsDirectory),
            _ => Err(Fault::Access),
        }
    }

    /// Reads the whole file if that needs no waiting.
    pub(super) fn try_read(&self, size: usize) -> Option<Vec<u8>> {
        let mut content = vec![0; size];
        let read = self.try_read_at(&mut content, 0)?;
        content.truncate(read);
        Some(content)
    }
}

impl File for DirectFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Fault> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(done as u64);
            match retry_on_intr(|| rustix::io::pread(&self.fd, &mut *rest, at)).map_err(errno::handle)? {
                0 => break,
                read => done += read,
            }
        }
        Ok(done)
    }

    fn try_read_at(&self, buffer: &mut [u8], offset: u64) -> Option<usize> {
        if !self.local {
            return None;
        }
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(done as u64);
            let mut slices = [IoSliceMut::new(rest)];
            match rustix::io::preadv2(&self.fd, &mut slices, at, ReadWriteFlags::NOWAIT) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(_) => return None,
            }
        }
        Some(done)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize, Fault> {
        write_all(data, |rest, done| rustix::io::pwrite(&self.fd, rest, offset.saturating_add(done)))
    }

    fn append(&self, data: &[u8], limit: u64) -> Result<(), Fault> {
        let _alone = inodes::lock(self.id);
        let before = sys::stat(&self.fd).map_err(errno::handle)?.size();
        if before.saturating_add(data.len() as u64) > limit {
            return Err(Fault::TooLarge);
        }
        // The descriptor has O_APPEND, so the position of a write is the end at that moment.
        match write_all(data, |rest, _| rustix::io::write(&self.fd, rest)) {
            Ok(written) if written == data.len() => Ok(()),
            Ok(written) => {
                let now = sys::stat(&self.fd).map_err(errno::handle)?.size();
                if now == before.saturating_add(written as u64) {
                    rustix::fs::ftruncate(&self.fd, before).map_err(errno::handle)?;
                }
                Err(Fault::Quota)
            }
            Err(fault) => Err(fault),
        }
    }

    fn sync(&self, everything: bool) -> Result<(), Fault> {
        if !everything {
            return retry_on_intr(|| rustix::fs::fdatasync(&self.fd)).map_err(errno::handle);
        }
        retry_on_intr(|| rustix::fs::fsync(&self.fd)).map_err(errno::handle)?;
        self.made_in.as_ref().map_or(Ok(()), sync_directory)
    }

    fn stat(&self) -> Result<FileStat, Fault> {
        Ok(sys::stat(&self.fd).map_err(errno::handle)?.public())
    }

    fn try_stat(&self) -> Option<FileStat> {
        if self.local { self.stat().ok() } else { None }
    }

    fn set_len(&self, size: u64) -> Result<(), Fault> {
        retry_on_intr(|| rustix::fs::ftruncate(&self.fd, size)).map_err(errno::handle)
    }

    fn id(&self) -> Result<FileId, Fault> {
        Ok(self.id)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.fd.as_fd())
    }
}

/// Makes the names in a directory durable. The descriptor at hand may be one that only resolves.
pub(super) fn sync_directory(directory: &Arc<OwnedFd>) -> Result<(), Fault> {
    let directory =
        sys::openat(directory, ".", OFlags::RDONLY | OFlags::DIRECTORY, 0).map_err(errno::path)?;
    retry_on_intr(|| rustix::fs::fsync(&directory)).map_err(errno::handle)
}

/// Writes until nothing is left. After some bytes an error only shortens the count.
fn write_all(data: &[u8], mut write: impl FnMut(&[u8], u64) -> Result<usize, Errno>) -> Result<usize, Fault> {
    let mut done = 0;
    while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
        match write(rest, done as u64) {
            Ok(0) if done == 0 => return Err(Fault::Unknown(Text::Io)),
            Ok(0) => break,
            Ok(written) => done += written,
            Err(Errno::INTR) => {}
            Err(error) if done == 0 => return Err(errno::handle(error)),
            Err(_) => break,
        }
    }
    Ok(done)
}
