//! The process's memory and time, as Linux tells them.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

pub(crate) const MIB: u64 = 1 << 20;

static ALONE: Mutex<()> = Mutex::const_new(());

/// Held by the test that is measured.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().await
}

/// The chapter's size, or an eighth of it where nobody asked for long tests.
pub(crate) fn scale(full: u64) -> u64 {
    if std::env::var_os("ASTRID_LONG_TESTS").is_some() { full } else { full / 8 }
}

/// Measures the highest memory from its start on.
pub(crate) struct Meter {
    before: Option<u64>,
}

impl Meter {
    pub(crate) fn start() -> Self {
        // The mark of the highest memory goes back to what is used now.
        let reset = std::fs::write("/proc/self/clear_refs", "5").is_ok();
        let before = reset.then(|| status("VmRSS:")).flatten();
        if before.is_none() {
            eprintln!("this system does not tell the memory of a process: only bytes are compared");
        }
        Self { before }
    }

    /// Fails if memory grew by more than `limit` bytes at any time since the start.
    #[track_caller]
    pub(crate) fn at_most(&self, limit: u64, what: &str) {
        let (Some(before), Some(highest)) = (self.before, status("VmHWM:")) else { return };
        let grown = highest.saturating_sub(before);
        eprintln!("{what}: {} KiB more at most", grown / 1024);
        assert!(grown <= limit, "{what} took {grown} bytes, allowed: {limit}");
    }
}

fn status(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Time this thread spent on processors. A test's runtime has no other thread, and those of other tests
/// come and go.
pub(crate) fn processor_time() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
