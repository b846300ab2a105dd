//! A file of the upper tree that is open for writing: a commit must not miss what it still writes.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fault::Fault;
use crate::volume::{File, FileId, FileStat};

/// The file, counted until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    file: Box<dyn File>,
    writers: Arc<AtomicUsize>,
}

impl Held {
    pub(super) fn new(file: Box<dyn File>, writers: &Arc<AtomicUsize>) -> Self {
        writers.fetch_add(1, Ordering::AcqRel);
        Self { file, writers: writers.clone() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.writers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl File for Held {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Fault> {
        self.file.read_at(buffer, offset)
    }

    fn try_read_at(&self, buffer: &mut [u8], offset: u64) -> Option<usize> {
        self.file.try_read_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<usize, Fault> {
        self.file.write_at(data, offset)
    }

    fn append(&self, data: &[u8], limit: u64) -> Result<(), Fault> {
        self.file.append(data, limit)
    }

    fn sync(&self, everything: bool) -> Result<(), Fault> {
        self.file.sync(everything)
    }

    fn stat(&self) -> Result<FileStat, Fault> {
        self.file.stat()
    }

    fn try_stat(&self) -> Option<FileStat> {
        self.file.try_stat()
    }

    fn set_len(&self, size: u64) -> Result<(), Fault> {
        self.file.set_len(size)
    }

    fn id(&self) -> Result<FileId, Fault> {
        self.file.id()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.descriptor()
    }
}
