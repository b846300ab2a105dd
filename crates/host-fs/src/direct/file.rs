//! An open file of the system.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use parking_lot::MutexGuard;
use rustix::io::Errno;

use super::bytes::Bytes;
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
    /// Where its size is charged.
    bytes: Option<Arc<Bytes>>,
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
            FileKind::Regular => Ok((Self { fd, id: meta.id(), local, made_in, bytes: None }, meta)),
            FileKind::Directory => Err(Fault::IsDirectory),
            _ => Err(Fault::Access),
        }
    }

    /// Charges what becomes of its size.
    pub(super) fn charge(&mut self, bytes: Option<&Arc<Bytes>>) {
        if let Some(bytes) = bytes {
            bytes.opened(&self.fd);
            self.bytes = Some(bytes.clone());
        }
    }

    /// Does something after which the file, of so many bytes before, has at most `size(before)`. Whoever
    /// calls this on a file that is charged holds its lock.
    pub(super) fn changing<T>(
        &self,
        size: impl FnOnce(u64) -> u64,
        work: impl FnOnce() -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Some(bytes) = &self.bytes else { return work() };
        let before = self.size()?;
        let growth = bytes.grow(size(before).saturating_sub(before))?;
        let result = work();
        growth.keep(before, self.size()?);
        result
    }

    /// Cuts it without its lock.
    pub(super) fn cut(&self, size: u64) -> Result<(), Fault> {
        sys::cut(&self.fd, size).map_err(errno::handle)
    }

    fn size(&self) -> Result<u64, Fault> {
        Ok(sys::stat(&self.fd).map_err(errno::handle)?.size())
    }

    fn lock_if_charged(&self) -> Option<MutexGuard<'static, ()>> {
        self.bytes.as_ref().map(|_| inodes::lock(self.id))
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
            match sys::read(&self.fd, rest, at).map_err(errno::handle)? {
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
            match sys::read_now(&self.fd, rest, at) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(_) => return None,
            }
        }
        Some(done)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize, Fault> {
        let _alone = self.lock_if_charged();
        let end = offset.saturating_add(data.len() as u64);
        let write = || write_all(data, |rest, done| sys::write(&self.fd, rest, offset.saturating_add(done)));
        self.changing(|before| before.max(end), write)
    }

    fn append(&self, data: &[u8], limit: u64) -> Result<(), Fault> {
        let _alone = inodes::lock(self.id);
        let before = self.size()?;
        let end = before.saturating_add(data.len() as u64);
        if end > limit {
            return Err(Fault::TooLarge);
        }
        // The descriptor has O_APPEND, so the position of a write is the end at that moment.
        let write = || match write_all(data, |rest, _| sys::write_on(&self.fd, rest)) {
            Ok(written) if written == data.len() => Ok(()),
            Ok(written) => {
                if self.size()? == before.saturating_add(written as u64) {
                    self.cut(before)?;
                }
                Err(Fault::Quota)
            }
            Err(fault) => Err(fault),
        };
        self.changing(|_| end, write)
    }

    fn sync(&self, everything: bool) -> Result<(), Fault> {
        if !everything {
            return sys::sync_data(&self.fd).map_err(errno::handle);
        }
        sys::sync_all(&self.fd).map_err(errno::handle)?;
        self.made_in.as_ref().map_or(Ok(()), sync_directory)
    }

    fn stat(&self) -> Result<FileStat, Fault> {
        Ok(sys::stat(&self.fd).map_err(errno::handle)?.public())
    }

    fn try_stat(&self) -> Option<FileStat> {
        if self.local { self.stat().ok() } else { None }
    }

    fn set_len(&self, size: u64) -> Result<(), Fault> {
        let _alone = self.lock_if_charged();
        self.changing(|_| size, || self.cut(size))
    }

    fn id(&self) -> Result<FileId, Fault> {
        Ok(self.id)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.fd.as_fd())
    }
}

impl Drop for DirectFile {
    fn drop(&mut self) {
        if let Some(bytes) = &self.bytes {
            bytes.closed(self.id, || self.size().unwrap_or(0));
        }
    }
}

/// Makes the names in a directory durable. The descriptor at hand may be one that only resolves.
pub(super) fn sync_directory(directory: &Arc<OwnedFd>) -> Result<(), Fault> {
    let directory = sys::reopen(directory).map_err(errno::path)?;
    sys::sync_all(&directory).map_err(errno::handle)
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
