//! What threads asked of the system, for tests.

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

type Hook = Arc<dyn Fn(&str) + Send + Sync>;

/// By the names of threads: what was heard, and who looks on.
type Listened = HashMap<String, (Vec<String>, Option<Hook>)>;

static LISTENED: LazyLock<Mutex<Listened>> = LazyLock::new(Mutex::default);

/// Called by the seam before it asks. Only threads with a name that a test listens to are heard.
pub(crate) fn note(said: impl FnOnce() -> String) {
    let thread = std::thread::current();
    let Some(name) = thread.name() else { return };
    let hook = {
        let mut listened = LISTENED.lock();
        let Some((heard, hook)) = listened.get_mut(name) else { return };
        heard.push(said());
        heard.last().cloned().zip(hook.clone())
    };
    if let Some((said, hook)) = hook {
        hook(&said);
    }
}

/// Listens to the threads of a name from now on.
pub(crate) fn listen(thread: &str) {
    LISTENED.lock().insert(thread.to_owned(), (Vec::new(), None));
}

/// As [`listen`], and lets a test look at the world before each thing is done.
pub(crate) fn watch(thread: &str, hook: Hook) {
    LISTENED.lock().insert(thread.to_owned(), (Vec::new(), Some(hook)));
}

/// What was heard, in order; the threads are not listened to any more.
pub(crate) fn heard(thread: &str) -> Vec<String> {
    LISTENED.lock().remove(thread).map(|(heard, _)| heard).unwrap_or_default()
}

/// The inode a descriptor stands for.
pub(crate) fn inode(fd: impl AsFd) -> u64 {
    rustix::fs::fstat(fd).unwrap().st_ino
}
