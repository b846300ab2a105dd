//! Lines into day files, one for each principal and capsule.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use astrid_host_context::Principal;
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::files::Files;
use super::folder;
use super::queue::Queues;
use super::{LogLevel, LogLine, LogSettings, LogSink, TracingLog};

/// How long a flush may take.
const FLUSH: Duration = Duration::from_secs(2);

/// Writes `home/{principal}/.local/log/{capsule}/{YYYY-MM-DD}.log` below the host's root, in UTC days,
/// on one thread of its own.
///
/// Only principals whose `home/{principal}` is there have files. Lines of others, of nobody, and those
/// whose file fails go to the host's log, and error lines go to both. Lines beyond a rate or a queue of
/// [`LogSettings`] are dropped, counted, and reported by a line `… N lines dropped`.
///
/// A clone writes to the same files. Dropping the last one writes what is queued, waiting at most two
/// seconds; [`LogRouter::flush`] first, where a thread must not wait.
#[derive(Clone)]
pub struct LogRouter(Arc<Handle>);

struct Handle {
    root: OwnedFd,
    host_log: Arc<dyn LogSink>,
    queues: Arc<Queues>,
    flushed: watch::Receiver<u64>,
    ended: Arc<(Mutex<bool>, Condvar)>,
}

impl LogRouter {
    /// Opens the host's root, which must exist, and starts the writer. The host's log is [`TracingLog`].
    ///
    /// # Errors
    /// The root cannot be opened, or no thread be started.
    pub fn open(host_root: &Path, settings: LogSettings) -> io::Result<Self> {
        Self::with_host_log(host_root, settings, Arc::new(TracingLog))
    }

    /// The same with another log of the host. It is called on the writer's thread and may wait there; an
    /// error line that finds no room is passed to it on the caller's own thread.
    ///
    /// # Errors
    /// The root cannot be opened, or no thread be started.
    pub fn with_host_log(
        host_root: &Path,
        settings: LogSettings,
        host_log: Arc<dyn LogSink>,
    ) -> io::Result<Self> {
        let root = folder::root(host_root)?;
        let mut files = Files::new(root.try_clone()?, settings, host_log.clone());
        let source_root = root.try_clone()?;
        let queues = Arc::new(Queues::new(settings));
        let (done, flushed) = watch::channel(0);
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let (source, end) = (queues.clone(), ended.clone());
        thread::Builder::new().name("astrid-log".to_owned()).spawn(move || {
            folder::prune_all(&source_root, settings.retention_days);
            loop {
                let work = source.next();
                work.registered.iter().for_each(|principal| files.retry(principal));
                files.write(work.lines);
                done.send_replace(work.flushed);
                if work.last {
                    break;
                }
            }
            *end.0.lock() = true;
            end.1.notify_all();
        })?;
        Ok(Self(Arc::new(Handle { root, host_log, queues, flushed, ended })))
    }

    /// Makes `home/{principal}` for its owner alone, if it is not there, so that the principal has log
    /// files from now on. Waits for the disk.
    ///
    /// # Errors
    /// The directory cannot be made, or something else has its name.
    pub fn register(&self, principal: &Principal) -> io::Result<()> {
        folder::make(folder::make(&self.0.root, "home")?, principal.as_str())?;
        self.0.queues.registered(principal.clone());
        Ok(())
    }

    /// Waits until every line taken before the call is in its file, two seconds at most.
    pub async fn flush(&self) {
        let number = self.0.queues.flush();
        let mut flushed = self.0.flushed.clone();
        let done = flushed.wait_for(|done| *done >= number);
        // Late or ended: there is nothing else to wait for.
        let _ = tokio::time::timeout(FLUSH, done).await;
    }
}

impl LogSink for LogRouter {
    fn write(&self, line: LogLine) {
        let refused = self.0.queues.push(line);
        // The writer passes errors on; one that it never gets must still reach operators.
        if let Some(line) = refused.filter(|line| line.level == LogLevel::Error) {
            self.0.host_log.write(line);
        }
    }
}

impl fmt::Debug for LogRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogRouter").finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queues.close();
        let (ended, changed) = &*self.ended;
        let mut ended = ended.lock();
        if !*ended {
            changed.wait_while_for(&mut ended, |ended| !*ended, FLUSH);
        }
    }
}
