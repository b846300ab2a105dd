//! What a test's thread asked of the system, in order.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::LazyLock;

use parking_lot::Mutex;

static SAID: LazyLock<Mutex<HashMap<String, Vec<String>>>> = LazyLock::new(Mutex::default);

/// Called by the seam. Only threads with a name that a test listens for are kept.
pub(crate) fn note(said: impl FnOnce() -> String) {
    let thread = std::thread::current();
    let Some(name) = thread.name() else { return };
    let mut all = SAID.lock();
    if let Some(heard) = all.get_mut(name) {
        heard.push(said());
    }
}

/// Listens to threads of a name from now on.
pub(crate) fn listen(thread: &str) {
    SAID.lock().insert(thread.to_owned(), Vec::new());
}

/// What the threads of a name did since they were listened to, or since this was last asked.
pub(crate) fn heard(thread: &str) -> Vec<String> {
    SAID.lock().get_mut(thread).map(std::mem::take).unwrap_or_default()
}

/// The inode a descriptor stands for.
pub(crate) fn inode(fd: impl AsFd) -> u64 {
    rustix::fs::fstat(fd).unwrap().st_ino
}
