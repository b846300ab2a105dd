//! The day files, as the writer keeps them open.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::time::{Instant, SystemTime};

use astrid_host_context::{CapsuleId, Principal};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::line::format;
use super::{LogLine, LogSettings};
use crate::beneath::Dir;

type Source = (Principal, CapsuleId);

/// Open day files, least recently used first to go.
#[derive(Debug)]
pub(super) struct DayFiles {
    root: Dir,
    settings: LogSettings,
    open: HashMap<Source, DayFile>,
    failed: HashMap<Source, Instant>,
    uses: u64,
}

#[derive(Debug)]
struct DayFile {
    file: File,
    day: Date,
    last_use: u64,
    /// The last write ended within a line.
    torn: bool,
}

/// Why lines did not get into their file.
#[derive(Debug)]
pub(super) enum NotWritten {
    /// The principal has no home here.
    Unregistered,
    /// The file cannot be opened or written now; this many lines were written before that.
    Failed {
        /// Lines that are whole in the file.
        written: usize,
        /// What the operating system said; `None` while the next try is not due.
        error: Option<io::Error>,
    },
}

impl DayFiles {
    pub(super) fn new(root: Dir, settings: LogSettings) -> Self {
        Self { root, settings, open: HashMap::new(), failed: HashMap::new(), uses: 0 }
    }

    /// Appends lines of one day with one write.
    pub(super) fn append(&mut self, source: &Source, day: Date, lines: &[LogLine]) -> Result<(), NotWritten> {
        let failed = |error, written| NotWritten::Failed { written, error };
        let now = Instant::now();
        if self.failed.get(source).is_some_and(|at| now.saturating_duration_since(*at) < self.settings.retry)
        {
            return Err(failed(None, 0));
        }
        let opened = match self.ready(source, day) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Err(NotWritten::Unregistered),
            Err(error) => {
                self.failed.insert(source.clone(), now);
                return Err(failed(Some(error), 0));
            }
        };
        match opened.write(lines) {
            Ok(()) => {
                self.failed.remove(source);
                Ok(())
            }
            Err((written, error)) => {
                self.failed.insert(source.clone(), now);
                Err(failed(Some(error), written))
            }
        }
    }

    /// Makes sure that a home exists for the principal.
    pub(super) fn register(root: &Dir, principal: &Principal) -> io::Result<()> {
        root.make(&["home", principal.as_str()]).map(drop)
    }

    /// Removes the day files of all sources that are over their time.
    pub(super) fn prune_all(&self, today: Date) -> io::Result<()> {
        let Some(homes) = self.root.walk(&["home"])? else { return Ok(()) };
        for principal in homes.names()? {
            // A name that is no folder, or that cannot be entered, holds no logs of ours.
            let Ok(Some(logs)) = homes.walk(&[&principal, ".local", "log"]) else { continue };
            for capsule in logs.names()? {
                if let Ok(Some(folder)) = logs.walk(&[&capsule]) {
                    self.prune(&folder, today)?;
                }
            }
        }
        Ok(())
    }

    /// The open file of the day, `None` without a home.
    fn ready(&mut self, source: &Source, day: Date) -> io::Result<Option<&mut DayFile>> {
        self.uses += 1;
        let torn = self.open.get(source).is_some_and(|open| open.torn);
        let usable = match self.open.get(source) {
            // A file that somebody removed would swallow the lines.
            Some(open) => open.day == day && open.file.metadata()?.nlink() > 0,
            None => false,
        };
        if !usable {
            self.open.remove(source);
            let (principal, capsule) = source;
            let Some(home) = self.root.walk(&["home", principal.as_str()])? else { return Ok(None) };
            let folder = home.make(&[".local", "log", capsule.as_str()])?;
            self.prune(&folder, day)?;
            let file = folder.append(&format!("{day}.log"))?;
            self.make_room();
            self.open.insert(source.clone(), DayFile { file, day, last_use: 0, torn });
        }
        let open = self.open.get_mut(source);
        Ok(open.map(|open| {
            open.last_use = self.uses;
            open
        }))
    }

    fn make_room(&mut self) {
        while self.open.len() >= self.settings.open_files.max(1) {
            let oldest =
                self.open.iter().min_by_key(|(_, open)| open.last_use).map(|(source, _)| source.clone());
            let Some(oldest) = oldest else { break };
            self.open.remove(&oldest);
        }
    }

    fn prune(&self, folder: &Dir, today: Date) -> io::Result<()> {
        let Ok(first) = today.checked_sub(Span::new().days(i64::from(self.settings.keep_days))) else {
            return Ok(());
        };
        for name in folder.names()? {
            let day = name.strip_suffix(".log").and_then(|day| day.parse::<Date>().ok());
            if day.is_some_and(|day| day < first && name == format!("{day}.log")) {
                folder.remove(&name)?;
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn open_files(&self) -> usize {
        self.open.len()
    }
}

impl DayFile {
    /// Writes all lines, or says how many are whole in the file.
    fn write(&mut self, lines: &[LogLine]) -> Result<(), (usize, io::Error)> {
        let mut buffer = if self.torn { "\n".to_owned() } else { String::new() };
        let mut ends = Vec::with_capacity(lines.len());
        for line in lines {
            buffer.push_str(&format(line));
            ends.push(buffer.len());
        }
        let mut done = 0;
        while let Some(rest) = buffer.as_bytes().get(done..).filter(|rest| !rest.is_empty()) {
            let error = match self.file.write(rest) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(more) => {
                    done += more;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            let whole = ends.iter().filter(|end| **end <= done).count();
            if done > 0 {
                self.torn = !buffer.as_bytes().get(..done).is_some_and(|text| text.ends_with(b"\n"));
            }
            return Err((whole, error));
        }
        self.torn = false;
        Ok(())
    }
}

/// The UTC day that a line belongs to.
pub(super) fn day_of(at: SystemTime) -> Date {
    Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogLevel;
    use std::time::UNIX_EPOCH;

    #[test]
    fn no_more_files_are_open_than_allowed_and_the_oldest_goes_first() {
        let root = tempfile::tempdir().unwrap();
        let dir = Dir::open(root.path()).unwrap();
        let alice = Principal::parse("alice").unwrap();
        DayFiles::register(&dir, &alice).unwrap();
        let mut files = DayFiles::new(dir, LogSettings { open_files: 2, ..LogSettings::default() });
        let source = |name: &str| (alice.clone(), CapsuleId::parse(name).unwrap());
        for name in ["a", "b", "a", "c", "b"] {
            let line = LogLine {
                principal: Some(alice.clone()),
                capsule: source(name).1,
                level: LogLevel::Info,
                text: "x".to_owned(),
                at: UNIX_EPOCH,
            };
            files.append(&source(name), day_of(UNIX_EPOCH), &[line]).unwrap();
            assert!(files.open_files() <= 2);
        }
        assert!(files.open.contains_key(&source("c")) && files.open.contains_key(&source("b")));
        let b = std::fs::read_to_string(root.path().join("home/alice/.local/log/b/1970-01-01.log")).unwrap();
        assert_eq!(b.lines().count(), 2);
    }
}
