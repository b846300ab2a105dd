//! Names of files that are being written, and who of several hosts still writes them.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use rustix::process::{Pid, getpid, test_kill_process};

use crate::path;

// The upper half of a number is the process, the lower counts: a sweep leaves the living alone.
static NEXT: AtomicU32 = AtomicU32::new(0);
static LIVE: LazyLock<Mutex<HashSet<u64>>> = LazyLock::new(Mutex::default);

/// A name nobody else of this process uses, until dropped.
#[derive(Debug)]
pub(super) struct Temporary {
    id: u64,
    pub(super) name: String,
}

impl Temporary {
    pub(super) fn new() -> Self {
        let process = u64::try_from(getpid().as_raw_nonzero().get()).unwrap_or_default();
        let id = (process << 32) | u64::from(NEXT.fetch_add(1, Ordering::Relaxed));
        LIVE.lock().insert(id);
        Self { id, name: path::temporary(id) }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        LIVE.lock().remove(&self.id);
    }
}

/// Whether a name is a temporary that nobody writes any more.
pub(super) fn is_left_over(name: &str) -> bool {
    let Some(id) = path::temporary_id(name) else { return false };
    let process = i32::try_from(id >> 32).ok().and_then(Pid::from_raw);
    match process {
        Some(process) if process == getpid() => !LIVE.lock().contains(&id),
        Some(process) => test_kill_process(process) == Err(rustix::io::Errno::SRCH),
        None => true,
    }
}
