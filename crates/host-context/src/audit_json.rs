//! Audit records as JSON lines in a file that rotates.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::audit_fold::{Fold, Folds};
use crate::{AuditEvent, AuditSink, Written};

/// Records waiting for the writer. At a few hundred bytes each this bounds the sink to a few MiB.
const QUEUE: usize = 8192;
/// How long a record may wait in the buffer of a writer with nothing else to do.
const FLUSH: Duration = Duration::from_millis(100);

/// What goes to the writer.
#[derive(Debug)]
enum Entry {
    Event(AuditEvent),
    /// Everything before it is to be in the file before this is answered.
    Flush(oneshot::Sender<()>),
}

/// Writes one JSON object a record from a thread of its own.
///
/// [`AuditSink::record`] hands over and returns; when the queue is full the record is counted, and
/// the next line that fits says how many are missing. What comes in masses ([`crate::Audit::Event`],
/// and denials) is folded instead: one line a second for each (function, capsule, principal, target,
/// outcome), with how many `times`, the sum of bytes and microseconds, and `first_seq` and `last_seq`
/// where there is a `seq`. `{path}` is the live file; at `max_bytes` it
/// becomes `{path}.1`, `{path}.1` becomes `{path}.2`, and so on up to `keep`. Dropping the sink
/// writes what is queued.
#[derive(Debug)]
pub struct JsonLines {
    queue: Option<SyncSender<Entry>>,
    lost: Arc<AtomicU64>,
    folds: Arc<Folds>,
    writer: Option<JoinHandle<()>>,
}

impl JsonLines {
    /// Opens `path` for appending, rotating at `max_bytes` and keeping `keep` older files.
    ///
    /// # Errors
    /// The file cannot be opened or the thread cannot be started.
    pub fn open(path: impl AsRef<Path>, max_bytes: u64, keep: u32) -> io::Result<Self> {
        let log = Log::open(path.as_ref().to_owned(), max_bytes, keep)?;
        let (queue, events) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let folds = Arc::new(Folds::default());
        let (seen, open) = (lost.clone(), folds.clone());
        let writer = std::thread::Builder::new()
            .name("astrid-audit".to_owned())
            .spawn(move || write_all(log, &events, &seen, &open))?;
        Ok(Self { queue: Some(queue), lost, folds, writer: Some(writer) })
    }

    /// Records lost so far that no line has reported yet.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl AuditSink for JsonLines {
    fn record(&self, event: AuditEvent) {
        let taken = if Folds::takes(&event) {
            self.folds.add(event)
        } else {
            self.queue.as_ref().is_some_and(|queue| queue.try_send(Entry::Event(event)).is_ok())
        };
        if !taken {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn written(&self) -> Written {
        let (flushed, wait) = oneshot::channel();
        // With a full queue the record before was counted as lost, and there is nothing to wait for.
        let asked = self.queue.as_ref().is_some_and(|queue| queue.try_send(Entry::Flush(flushed)).is_ok());
        Box::pin(async move {
            if asked {
                // An error is the writer's end, of which `accepts` tells.
                let _ = wait.await;
            }
        })
    }

    fn digest(&self, bytes: &[u8]) -> Option<String> {
        Some(blake3::hash(bytes).to_hex().to_string())
    }

    fn accepts(&self, _: crate::Audit) -> bool {
        // The writer stops for good when the file cannot be written; then nothing more is promised.
        self.writer.as_ref().is_some_and(|writer| !writer.is_finished())
    }
}

impl Drop for JsonLines {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // The thread ends once the closed queue is empty; its panic has nobody left to tell.
            let _ = writer.join();
        }
    }
}

fn write_all(mut log: Log, events: &Receiver<Entry>, lost: &AtomicU64, folds: &Folds) {
    let (mut dirty, mut folded) = (false, Instant::now());
    loop {
        let next = events.recv_timeout(FLUSH);
        let over = matches!(next, Err(RecvTimeoutError::Disconnected));
        let mut write = || {
            if let Ok(Entry::Event(event)) = &next {
                dirty = true;
                report_lost(&mut log, lost)?;
                log.line(&to_json(event))?;
            }
            if over || folded.elapsed() >= FLUSH {
                folded = Instant::now();
                for fold in folds.take(over) {
                    dirty = true;
                    log.line(&folded_to_json(&fold))?;
                }
            }
            if dirty && !matches!(next, Ok(Entry::Event(_))) {
                dirty = false;
                report_lost(&mut log, lost)?;
                log.out.flush()?;
            }
            Ok::<_, io::Error>(())
        };
        if let Err(error) = write() {
            tracing::error!(target: "astrid.audit", path = %log.path.display(), %error, "audit file cannot be written");
            return;
        }
        if over {
            return;
        }
        if let Ok(Entry::Flush(waiting)) = next {
            // Whoever waited may have given up.
            let _ = waiting.send(());
        }
    }
}

fn folded_to_json(fold: &Fold) -> Value {
    let mut line = to_json(&fold.event);
    if let Value::Object(line) = &mut line {
        line.insert("times".to_owned(), fold.times.into());
    }
    line
}

fn report_lost(log: &mut Log, lost: &AtomicU64) -> io::Result<()> {
    match lost.swap(0, Ordering::Relaxed) {
        0 => Ok(()),
        n => log.line(&serde_json::json!({ "lost_records": n })),
    }
}

fn to_json(event: &AuditEvent) -> Value {
    let mut line = Map::new();
    let mut put = |key: &str, value: Value| line.insert(key.to_owned(), value);
    let at = jiff::Timestamp::try_from(event.at).map(|at| at.to_string());
    put("at", at.unwrap_or_default().into());
    put("domain", event.op.domain.into());
    put("function", event.op.function.into());
    put("capsule", event.capsule.as_str().into());
    put("capsule_uuid", event.capsule_uuid.to_string().into());
    put("principal", event.principal.as_ref().map(|p| p.as_str()).into());
    put("invocation", event.invocation.into());
    put("target", event.target.clone().into());
    put("outcome", event.outcome.word().into());
    put("class", event.outcome.class().into());
    put("detail", event.detail.clone().into());
    put("bytes", event.bytes.into());
    put("micros", u64::try_from(event.elapsed.as_micros()).unwrap_or(u64::MAX).into());
    for (name, value) in &event.facts {
        put(name, value.clone().into());
    }
    Value::Object(line)
}

struct Log {
    path: PathBuf,
    out: BufWriter<File>,
    written: u64,
    max_bytes: u64,
    keep: u32,
}

impl Log {
    fn open(path: PathBuf, max_bytes: u64, keep: u32) -> io::Result<Self> {
        let file = append(&path)?;
        let written = file.metadata()?.len();
        Ok(Self { path, out: BufWriter::new(file), written, max_bytes, keep })
    }

    fn line(&mut self, value: &Value) -> io::Result<()> {
        let mut text = value.to_string();
        text.push('\n');
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if self.written > 0 && self.written.saturating_add(length) > self.max_bytes {
            self.rotate()?;
        }
        self.out.write_all(text.as_bytes())?;
        self.written = self.written.saturating_add(length);
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.out.flush()?;
        for number in (1..self.keep).rev() {
            match std::fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.keep > 0 {
            std::fs::rename(&self.path, self.numbered(1))?;
        } else {
            std::fs::remove_file(&self.path)?;
        }
        self.out = BufWriter::new(append(&self.path)?);
        self.written = 0;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
