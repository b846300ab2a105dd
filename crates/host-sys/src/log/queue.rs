//! Lines on their way from guests to the writer, bounded per principal.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use astrid_host_context::{CapsuleId, Principal};
use parking_lot::{Condvar, Mutex};

use super::rate::Rate;
use super::{LogLevel, LogLine, LogSettings};

/// How often the count of dropped lines of one capsule is written while more are dropped.
const REPORT: Duration = Duration::from_secs(1);
/// An eighth of a queue is for errors.
const RESERVE: usize = 8;
/// Capsules of one principal, and principals, whose rates are remembered before full ones are forgotten.
const REMEMBERED: usize = 256;

/// What the writer has to do next.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Lines to write, in order for each principal.
    pub(super) lines: Vec<LogLine>,
    /// Principals whose directory has just been made.
    pub(super) registered: Vec<Principal>,
    /// Once the lines are written, every flush up to this number is done.
    pub(super) flushed: u64,
    /// Nothing comes after this.
    pub(super) last: bool,
}

/// The queues of all principals.
#[derive(Debug)]
pub(super) struct Queues {
    settings: LogSettings,
    inner: Mutex<Inner>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    owners: HashMap<Option<Principal>, Owner>,
    waiting: usize,
    /// Some source has dropped lines that are not yet reported.
    dropped: bool,
    registered: Vec<Principal>,
    flush: u64,
    flushed: u64,
    closed: bool,
}

#[derive(Debug, Default)]
struct Owner {
    lines: Vec<LogLine>,
    bytes: usize,
    sources: HashMap<CapsuleId, Source>,
}

#[derive(Debug)]
struct Source {
    rate: Rate,
    dropped: u64,
    dropped_at: SystemTime,
    reported: Option<Instant>,
}

impl Queues {
    pub(super) fn new(settings: LogSettings) -> Self {
        Self { settings, inner: Mutex::default(), wake: Condvar::new() }
    }

    /// Takes a line, or counts it as dropped and gives it back. Never waits for the writer.
    pub(super) fn push(&self, line: LogLine) -> Option<LogLine> {
        let mut inner = self.inner.lock();
        let Inner { owners, waiting, dropped, .. } = &mut *inner;
        if !owners.contains_key(&line.principal) {
            owners.insert(line.principal.clone(), Owner::default());
        }
        let owner = owners.get_mut(&line.principal)?;
        let source = owner.sources.entry(line.capsule.clone()).or_insert_with(|| Source {
            rate: Rate::new(&self.settings, line.at),
            dropped: 0,
            dropped_at: line.at,
            reported: None,
        });
        let room = has_room(&self.settings, owner.lines.len(), owner.bytes, &line);
        // Whoever finds no room has not used its rate.
        let (wake, refused) = if room && source.rate.take(&self.settings, line.text.len(), line.at) {
            owner.bytes += line.text.len();
            owner.lines.push(line);
            *waiting += 1;
            (*waiting == 1, None)
        } else {
            source.dropped += 1;
            source.dropped_at = line.at;
            (!std::mem::replace(dropped, true), Some(line))
        };
        drop(inner);
        if wake {
            self.wake.notify_one();
        }
        refused
    }

    /// Tells the writer that a principal's directory is there now.
    pub(super) fn registered(&self, principal: Principal) {
        self.inner.lock().registered.push(principal);
    }

    /// Asks for a flush and returns its number.
    pub(super) fn flush(&self) -> u64 {
        let mut inner = self.inner.lock();
        inner.flush += 1;
        self.wake.notify_one();
        inner.flush
    }

    /// Lets the writer end once it has written everything.
    pub(super) fn close(&self) {
        self.inner.lock().closed = true;
        self.wake.notify_one();
    }

    /// Waits for something to do. For the writer's thread alone.
    pub(super) fn next(&self) -> Work {
        let mut inner = self.inner.lock();
        loop {
            let all = inner.closed || inner.flush > inner.flushed;
            if inner.waiting > 0 || all {
                break;
            }
            if !inner.dropped {
                self.wake.wait(&mut inner);
            } else if inner.reportable() || self.wake.wait_for(&mut inner, REPORT).timed_out() {
                break;
            }
        }
        let all = inner.closed || inner.flush > inner.flushed;
        let lines = inner.take(all, &self.settings);
        inner.flushed = inner.flush;
        Work {
            lines,
            registered: std::mem::take(&mut inner.registered),
            flushed: inner.flushed,
            last: inner.closed,
        }
    }
}

impl Inner {
    fn reportable(&self) -> bool {
        self.owners.values().flat_map(|owner| owner.sources.values()).any(Source::is_reportable)
    }

    fn take(&mut self, all: bool, settings: &LogSettings) -> Vec<LogLine> {
        let mut taken = Vec::with_capacity(self.waiting);
        (self.waiting, self.dropped) = (0, false);
        let many = self.owners.len() > REMEMBERED;
        for (principal, owner) in &mut self.owners {
            taken.append(&mut owner.lines);
            owner.bytes = 0;
            for (capsule, source) in &mut owner.sources {
                if source.is_reportable() || (all && source.dropped > 0) {
                    taken.push(source.report(principal.clone(), capsule.clone()));
                }
                self.dropped |= source.dropped > 0;
            }
            if many || owner.sources.len() > REMEMBERED {
                let now = SystemTime::now();
                owner.sources.retain(|_, source| source.dropped > 0 || !source.rate.is_full(settings, now));
            }
        }
        self.owners.retain(|_, owner| !owner.sources.is_empty());
        taken
    }
}

impl Source {
    fn is_reportable(&self) -> bool {
        self.dropped > 0 && self.reported.is_none_or(|at| at.elapsed() >= REPORT)
    }

    fn report(&mut self, principal: Option<Principal>, capsule: CapsuleId) -> LogLine {
        self.reported = Some(Instant::now());
        let text = format!("… {} lines dropped", std::mem::take(&mut self.dropped));
        LogLine { principal, capsule, level: LogLevel::Warn, text, at: self.dropped_at }
    }
}

fn has_room(settings: &LogSettings, lines: usize, bytes: usize, line: &LogLine) -> bool {
    let within = |most: usize, wanted: usize| {
        wanted <= if line.level == LogLevel::Error { most } else { most - most / RESERVE }
    };
    within(settings.queue_lines, lines + 1) && within(settings.queue_bytes, bytes + line.text.len())
}
