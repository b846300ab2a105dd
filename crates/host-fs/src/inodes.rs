//! What this process does to single files: which of them guests have open, and who appends.

use std::collections::HashMap;
use std::sync::LazyLock;

use parking_lot::{Mutex, MutexGuard};

use crate::volume::FileId;

/// Locks for appending; two files that share one only wait for each other.
const STRIPES: usize = 64;

static LOCKS: [Mutex<()>; STRIPES] = [const { Mutex::new(()) }; STRIPES];
// Of the process and not of a volume, because a file is the same under every mount that shows it.
static LIVE: LazyLock<Mutex<HashMap<FileId, usize>>> = LazyLock::new(Mutex::default);

/// Keeps every other writer of this process that asks away from a file.
pub(crate) fn lock(id: FileId) -> MutexGuard<'static, ()> {
    static SPARE: Mutex<()> = Mutex::new(());
    let stripe = usize::try_from(id.inode ^ id.device).unwrap_or_default() % STRIPES;
    LOCKS.get(stripe).unwrap_or(&SPARE).lock()
}

/// Whether a guest has the file open.
pub(crate) fn is_live(id: FileId) -> bool {
    LIVE.lock().contains_key(&id)
}

/// Says that a guest has a file open, until dropped.
#[derive(Debug)]
pub(crate) struct Live(FileId);

impl Live {
    pub(crate) fn new(id: FileId) -> Self {
        *LIVE.lock().entry(id).or_default() += 1;
        Self(id)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut live = LIVE.lock();
        if let Some(count) = live.get_mut(&self.0) {
            *count -= 1;
            if *count == 0 {
                live.remove(&self.0);
            }
        }
    }
}
