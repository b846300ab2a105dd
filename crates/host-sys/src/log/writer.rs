//! The one thread that writes log files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use astrid_host_context::{CapsuleId, Principal};
use jiff::civil::Date;
use parking_lot::{Condvar, Mutex};

use super::files::{DayFiles, NotWritten, day_of};
use super::queue::{Batch, Queues, REPORT};
use super::{LogLevel, LogLine, LogSink, TracingLog};

/// Called when everything accepted before is written.
type Written = Box<dyn FnOnce() + Send>;

/// What callers and the writer share.
pub(super) struct Shared {
    pub(super) queues: Queues,
    /// Lines wait, or lines were dropped. Keeps callers from the lock while the writer is awake.
    work: AtomicBool,
    orders: Mutex<Orders>,
    wake: Condvar,
}

#[derive(Default)]
struct Orders {
    flushes: Vec<Written>,
    closed: bool,
}

impl Shared {
    pub(super) fn new(queues: Queues) -> Self {
        Self { queues, work: AtomicBool::new(false), orders: Mutex::default(), wake: Condvar::new() }
    }

    /// Tells the writer that there is something to do.
    pub(super) fn wake(&self) {
        if !self.work.swap(true, Ordering::AcqRel) {
            // Behind the lock, so that it cannot fall between the writer's look and its wait.
            drop(self.orders.lock());
            self.wake.notify_one();
        }
    }

    /// Has `written` called once everything accepted so far is written.
    pub(super) fn flush(&self, written: Written) {
        self.orders.lock().flushes.push(written);
        self.wake.notify_one();
    }

    /// Lets the writer end when it has nothing more to write.
    pub(super) fn close(&self) {
        self.orders.lock().closed = true;
        self.wake.notify_one();
    }
}

/// Writes until it is closed and has nothing left.
pub(super) fn run(shared: &Arc<Shared>, mut files: DayFiles) {
    if let Err(error) = files.prune_all(day_of(SystemTime::now())) {
        tracing::warn!(%error, "old log files could not be removed");
    }
    loop {
        let (flushes, closed) = next(shared);
        let now = Instant::now();
        for batch in shared.queues.drain(now, closed || !flushes.is_empty()) {
            write(&mut files, batch);
        }
        shared.queues.forget_idle(now);
        flushes.into_iter().for_each(|written| written());
        if closed && !shared.work.load(Ordering::Acquire) {
            return;
        }
    }
}

/// Waits for lines, a flush, the end, or for the moment when losses are to be reported.
fn next(shared: &Shared) -> (Vec<Written>, bool) {
    let owing = shared.queues.owes_reports();
    let mut orders = shared.orders.lock();
    while !shared.work.load(Ordering::Acquire) && orders.flushes.is_empty() && !orders.closed {
        if owing {
            shared.wake.wait_for(&mut orders, REPORT);
            break;
        }
        shared.wake.wait(&mut orders);
    }
    // Before the queues are looked at: a line that comes later sets it again.
    shared.work.store(false, Ordering::Release);
    (std::mem::take(&mut orders.flushes), orders.closed)
}

fn write(files: &mut DayFiles, batch: Batch) {
    let Batch { principal, mut lines, dropped } = batch;
    lines.extend(dropped.into_iter().map(|(capsule, count)| LogLine {
        principal: principal.clone(),
        capsule,
        level: LogLevel::Warn,
        text: format!("… {count} lines dropped"),
        at: SystemTime::now(),
    }));
    let Some(principal) = principal else {
        lines.into_iter().for_each(|line| TracingLog.write(line));
        return;
    };
    // Stable: the order of one capsule's lines stays.
    lines.sort_by(|a, b| a.capsule.cmp(&b.capsule));
    let mut rest = &lines[..];
    while let Some(first) = rest.first() {
        let day = day_of(first.at);
        let same = |line: &LogLine| line.capsule == first.capsule && day_of(line.at) == day;
        let (run, more) = rest.split_at(rest.iter().take_while(|line| same(line)).count());
        write_day(files, &(principal.clone(), first.capsule.clone()), day, run);
        rest = more;
    }
}

/// Writes lines of one file and one day; what cannot be written, and every error, goes to the host's log.
fn write_day(files: &mut DayFiles, source: &(Principal, CapsuleId), day: Date, lines: &[LogLine]) {
    let in_file = match files.append(source, day, lines) {
        Ok(()) => lines.len(),
        Err(NotWritten::Unregistered) => 0,
        Err(NotWritten::Failed { written, error }) => {
            if let Some(error) = error {
                let (principal, capsule) = (source.0.as_str(), source.1.as_str());
                tracing::warn!(%error, principal, capsule, "log file unavailable, its lines go here");
            }
            written
        }
    };
    for (n, line) in lines.iter().enumerate() {
        if n >= in_file || line.level == LogLevel::Error {
            TracingLog.write(line.clone());
        }
    }
}
