//! Log files: one a day for each principal and capsule, written by one thread.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::files::DayFiles;
use super::queue::Queues;
use super::writer::{self, Shared};
use super::{LogLevel, LogLine, LogSink, TracingLog};
use crate::beneath::Dir;

/// How long a flush or the end of the router waits for a disk that does not answer.
const FLUSH: Duration = Duration::from_secs(2);

/// What an operator may set; the defaults are those of the sys chapter §2.1.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Lines a second of one capsule for one principal; more are counted and dropped. 1,000.
    pub lines_per_second: u64,
    /// Bytes of messages a second, likewise. 1 MiB.
    pub bytes_per_second: u64,
    /// For how long both may be exceeded at once: the allowance saved up while a capsule is quiet. 5 s.
    pub burst: Duration,
    /// Files open at a time, for the whole host. 256.
    pub open_files: usize,
    /// Days that a file is kept after its own. 7.
    pub keep_days: u16,
    /// How long a file that failed is left alone. 10 s.
    pub retry: Duration,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            lines_per_second: 1000,
            bytes_per_second: 1024 * 1024,
            burst: Duration::from_secs(5),
            open_files: 256,
            keep_days: 7,
            retry: Duration::from_secs(10),
        }
    }
}

/// Writes each line into `home/{principal}/.local/log/{capsule}/{YYYY-MM-DD}.log` below a root folder.
///
/// [`LogSink::write`] hands over and returns. A line that does not fit its principal's queue (4,096 lines,
/// 4 MiB, an eighth of it reserved for errors) or exceeds the rate is counted, and a line says how many are
/// missing. Errors go to the host's log (`tracing`, target `astrid.capsule`) as well. All lines go
/// there that have no principal, whose principal has no home below the root, or whose file cannot be written.
///
/// Folders are 0700, files 0600; nothing below the root is reached through a symbolic link. A clone is the
/// same router; dropping the last one writes what waits, for at most two seconds.
#[derive(Clone)]
pub struct LogRouter(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    root: Dir,
    /// In a lock only because a receiver may not be shared.
    ended: Mutex<Receiver<()>>,
}

impl LogRouter {
    /// Opens the root, which must exist, and starts the writer. Events for `tracing` go to the subscriber
    /// that is in force now.
    ///
    /// # Errors
    /// The root cannot be opened, or the thread cannot be started.
    pub fn open(root: &Path, settings: LogSettings) -> io::Result<Self> {
        let (root, files) = (Dir::open(root)?, DayFiles::new(Dir::open(root)?, settings.clone()));
        let shared = Arc::new(Shared::new(Queues::new(settings)));
        let subscriber = tracing::dispatcher::get_default(Clone::clone);
        let (end, ended) = sync_channel(1);
        let with_writer = shared.clone();
        std::thread::Builder::new().name("astrid-log".to_owned()).spawn(move || {
            tracing::dispatcher::with_default(&subscriber, || writer::run(&with_writer, files));
            // Nobody listens when the host waited long enough.
            let _ = end.send(());
        })?;
        Ok(Self(Arc::new(Handle { shared, root, ended: Mutex::new(ended) })))
    }

    /// Makes the principal's home, so that its lines go to files. Blocks for a few system calls.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn register(&self, principal: &Principal) -> io::Result<()> {
        DayFiles::register(&self.0.root, principal)
    }

    /// Waits until every line accepted before is in its file, at most two seconds. True if it is.
    pub async fn flush(&self) -> bool {
        let (done, written) = oneshot::channel();
        self.0.shared.flush(Box::new(move || {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }));
        matches!(tokio::time::timeout(FLUSH, written).await, Ok(Ok(())))
    }

    /// The same where no runtime is, such as in a panic hook. Blocks.
    pub fn flush_blocking(&self) -> bool {
        let (done, written) = sync_channel(1);
        self.0.shared.flush(Box::new(move || {
            // Likewise.
            let _ = done.send(());
        }));
        written.recv_timeout(FLUSH).is_ok()
    }
}

impl LogSink for LogRouter {
    fn write(&self, line: LogLine) {
        let refused = self.0.shared.queues.push(line, Instant::now()).err();
        self.0.shared.wake();
        // The writer passes errors on; those it never gets must not be lost on operators.
        if let Some(line) = refused.filter(|line| line.level == LogLevel::Error) {
            TracingLog.write(line);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
        // A disk that hangs must not hang the host's end.
        let _ = self.ended.get_mut().recv_timeout(FLUSH);
    }
}

impl fmt::Debug for LogRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogRouter").field("root", &self.0.root).finish_non_exhaustive()
    }
}
