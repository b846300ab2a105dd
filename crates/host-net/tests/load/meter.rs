//! The process's memory and time, as Linux tells them.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

static ALONE: Mutex<()> = Mutex::const_new(());

/// Held by the test that is measured.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().await
}

/// As [`alone`], for a test with a runtime of its own.
pub(crate) fn alone_blocking() -> MutexGuard<'static, ()> {
    ALONE.blocking_lock()
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

/// Measures how long a task keeps its thread busy between two waits.
pub(crate) struct Longest;

impl Longest {
    /// Runs `work` to its end; the longest poll of it, in time of the processor.
    pub(crate) async fn of(work: impl Future<Output = ()>) -> Option<Duration> {
        let mut work = pin!(work);
        let mut longest = Some(Duration::ZERO);
        std::future::poll_fn(|cx| {
            let before = processor_time();
            let polled: Poll<()> = work.as_mut().poll(cx);
            longest = processor_time()
                .zip(before)
                .zip(longest)
                .map(|((after, before), longest)| longest.max(after - before));
            polled
        })
        .await;
        longest
    }
}
