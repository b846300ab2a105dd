//! The day files that are open, and what happens to lines whose file is not available.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Instant;

use astrid_host_context::{CapsuleId, Principal};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::{LogLevel, LogLine, LogSettings, LogSink, folder, line};

type Source = (Principal, CapsuleId);

/// Everything the writer's thread owns.
pub(super) struct Files {
    root: OwnedFd,
    settings: LogSettings,
    host_log: Arc<dyn LogSink>,
    open: HashMap<Source, Open>,
    failed: HashMap<Source, Instant>,
    uses: u64,
}

struct Open {
    file: File,
    day: Date,
    used: u64,
    /// The last write ended inside a line.
    torn: bool,
}

impl Files {
    pub(super) fn new(root: OwnedFd, settings: LogSettings, host_log: Arc<dyn LogSink>) -> Self {
        Self { root, settings, host_log, open: HashMap::new(), failed: HashMap::new(), uses: 0 }
    }

    /// Tries the files of a principal again at once: its directory is there now.
    pub(super) fn retry(&mut self, registered: &Principal) {
        self.failed.retain(|(principal, _), _| principal != registered);
    }

    /// Writes lines with one system call for each file they belong to.
    pub(super) fn write(&mut self, lines: Vec<LogLine>) {
        let mut batches: HashMap<(Source, Date), Vec<LogLine>> = HashMap::new();
        for line in lines {
            match (&line.principal, day(&line)) {
                (Some(principal), Some(day)) => {
                    let source = (principal.clone(), line.capsule.clone());
                    batches.entry((source, day)).or_default().push(line);
                }
                _ => self.host_log.write(line),
            }
        }
        let mut batches: Vec<_> = batches.into_iter().collect();
        // Around midnight one file after the other, so that neither is opened twice.
        batches.sort_by_key(|((_, day), _)| *day);
        for ((source, day), lines) in batches {
            let written = self.append(&source, day, &lines);
            for line in lines {
                if !written || line.level == LogLevel::Error {
                    self.host_log.write(line);
                }
            }
        }
    }

    fn append(&mut self, source: &Source, day: Date, lines: &[LogLine]) -> bool {
        match self.failed.get(source) {
            Some(at) if at.elapsed() < self.settings.retry_after => return false,
            _ => self.failed.remove(source),
        };
        let text: String = lines.iter().map(line::format).collect();
        let appended = self.file(source, day).and_then(|open| open.append(&text));
        if let Err(error) = &appended {
            // An unknown principal is no fault of the disk.
            if error.kind() != io::ErrorKind::NotFound {
                let (principal, capsule) = (source.0.as_str(), source.1.as_str());
                tracing::warn!(principal, capsule, %error, "a log file is not available, its lines come here");
            }
            if self.failed.len() >= self.settings.open_files {
                self.failed.retain(|_, at| at.elapsed() < self.settings.retry_after);
            }
            self.failed.insert(source.clone(), Instant::now());
        }
        appended.is_ok()
    }

    fn file(&mut self, source: &Source, day: Date) -> io::Result<&mut Open> {
        self.uses += 1;
        if self.open.get(source).is_none_or(|open| open.day != day || open.is_gone()) {
            self.open.remove(source);
            if self.open.len() >= self.settings.open_files.max(1) {
                let oldest = self.open.iter().min_by_key(|(_, open)| open.used).map(|(key, _)| key.clone());
                oldest.map(|key| self.open.remove(&key));
            }
            let home = folder::home(&self.root, &source.0)?;
            let file = folder::day_file(home, &source.1, day, self.settings.retention_days)?;
            self.open.insert(source.clone(), Open { file, day, used: 0, torn: false });
        }
        let open = self.open.get_mut(source).ok_or(io::ErrorKind::NotFound)?;
        open.used = self.uses;
        Ok(open)
    }
}

impl Open {
    /// Somebody removed or replaced the file; what is written to it now would be lost.
    fn is_gone(&self) -> bool {
        !self.file.metadata().is_ok_and(|file| file.nlink() > 0)
    }

    fn append(&mut self, text: &str) -> io::Result<()> {
        if std::mem::take(&mut self.torn)
            && let Err(error) = self.file.write_all(b"\n")
        {
            self.torn = true;
            return Err(error);
        }
        let written = self.file.write_all(text.as_bytes());
        self.torn = written.is_err();
        written
    }
}

fn day(line: &LogLine) -> Option<Date> {
    Timestamp::try_from(line.at).ok().map(|at| Offset::UTC.to_datetime(at).date())
}
