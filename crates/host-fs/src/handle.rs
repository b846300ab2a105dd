//! An open file of a guest.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use astrid_host_context::{CallContext, Entry, HostServices, Permit, Target};
use parking_lot::Mutex;

use crate::fault::{Fault, Text};
use crate::inodes::Live;
use crate::op_table::DROP;
use crate::volume::{File, OpenMode};
use crate::{BlockingPool, Error};

/// The resource `file-handle`. It belongs to the principal that opened it, holds one of its
/// [`crate::HANDLES`] and gives it back when dropped, by the guest or with the store.
pub struct FileHandle(Arc<Open>);

/// Whether a handle may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readable {
    /// Yes.
    Yes,
    /// It was opened for writing alone.
    WrongMode,
    /// The capsule may write there and not read.
    Ungranted,
}

pub(crate) struct Open {
    file: Mutex<Option<Arc<dyn File>>>,
    pub(crate) mode: OpenMode,
    pub(crate) readable: Readable,
    pub(crate) spelling: String,
    pub(crate) read: AtomicU64,
    pub(crate) written: AtomicU64,
    pub(crate) syncs: AtomicU64,
    /// The size as far as this handle knows, for the summary.
    pub(crate) size: AtomicU64,
    pub(crate) sync_failed: AtomicBool,
    told: AtomicBool,
    call: CallContext,
    services: HostServices,
    pool: BlockingPool,
    /// Held for their drop.
    _live: Option<Live>,
    _slot: Permit,
}

impl FileHandle {
    pub(crate) fn new(
        entry: &Entry,
        pool: &BlockingPool,
        file: Box<dyn File>,
        mode: OpenMode,
        readable: Readable,
        spelling: String,
        slot: Permit,
    ) -> Self {
        let live = file.id().ok().map(Live::new);
        let size = file.try_stat().map_or(0, |stat| stat.size);
        Self(Arc::new(Open {
            file: Mutex::new(Some(file.into())),
            mode,
            readable,
            spelling,
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            size: AtomicU64::new(size),
            sync_failed: AtomicBool::new(false),
            told: AtomicBool::new(false),
            call: entry.call().clone(),
            services: entry.services().clone(),
            pool: pool.clone(),
            _live: live,
            _slot: slot,
        }))
    }

    /// Closes the file under the guest: every method says `closed` from now on. Work that has begun ends first.
    pub fn close(&self) {
        self.0.close();
    }

    pub(crate) fn share(&self) -> Self {
        Self(self.0.clone())
    }

    /// Writes the summary into the record of the call that gives the handle back.
    pub(crate) fn tell(&self, entry: &Entry) {
        self.0.told.store(true, Ordering::Relaxed);
        self.0.tell(entry);
    }

    /// For the principal that opened it.
    pub(crate) fn for_call(&self, entry: &Entry) -> Result<Arc<Open>, Error> {
        if self.0.call.principal() != entry.call().principal() {
            return Err(Fault::Denied.into());
        }
        Ok(self.0.clone())
    }
}

impl Open {
    pub(crate) fn file(&self) -> Result<Arc<dyn File>, Fault> {
        self.file.lock().clone().ok_or(Fault::Closed)
    }

    /// Closing a file that was removed frees its blocks, which takes as long as the device likes.
    fn close(&self) {
        if let Some(file) = self.file.lock().take() {
            self.pool.dispose(self.call.scope(), file);
        }
    }

    fn tell(&self, entry: &Entry) {
        entry.target(Target::Path(&self.spelling));
        let facts =
            [("read", &self.read), ("written", &self.written), ("syncs", &self.syncs), ("size", &self.size)];
        for (name, count) in facts {
            entry.fact(name, || count.load(Ordering::Relaxed).to_string());
        }
    }

    pub(crate) fn may_read(&self) -> Result<(), Fault> {
        match self.readable {
            Readable::Yes => Ok(()),
            Readable::WrongMode => Err(Fault::Access),
            Readable::Ungranted => Err(Fault::Denied),
        }
    }

    pub(crate) fn may_write(&self) -> Result<(), Fault> {
        if self.mode == OpenMode::Read { Err(Fault::Access) } else { Ok(()) }
    }

    /// Syncs, unless it failed before: the system reports a lost write once, a guest must not miss it.
    pub(crate) fn sync(&self, everything: bool) -> Result<(), Fault> {
        if self.sync_failed.load(Ordering::Acquire) {
            return Err(Fault::Unknown(Text::Io));
        }
        let result = self.file()?.sync(everything);
        if result.is_err() {
            self.sync_failed.store(true, Ordering::Release);
        }
        self.syncs.fetch_add(1, Ordering::Relaxed);
        result
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.told.load(Ordering::Relaxed) {
            // The store went away. Cannot fail; it is there for its record.
            let entry = Entry::new(&self.call, &self.services, &DROP);
            let _: Result<(), Error> = entry.run_always(|| {
                self.tell(&entry);
                Ok(())
            });
        }
        self.close();
    }
}

impl fmt::Debug for FileHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileHandle").field("mode", &self.0.mode).finish_non_exhaustive()
    }
}
