//! Lines on their way to the writer: one bounded queue a principal.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_host_context::{CapsuleId, Principal};
use parking_lot::{Mutex, RwLock};

use super::bucket::Bucket;
use super::{LogLevel, LogLine, LogSettings};

/// Lines that wait for one principal, from the sys chapter §2.4.
const MAX_LINES: usize = 4096;
/// Bytes that wait for one principal, from the sys chapter §2.4.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The share of both that only error lines may use, as a divisor: an eighth.
const RESERVED: usize = 8;
/// What a line takes beside its text: time, level, capsule and the entry itself.
const OVERHEAD: usize = 96;
/// How often a source that loses lines is told how many.
pub(super) const REPORT: Duration = Duration::from_secs(1);
/// Principals without waiting lines that are kept before idle ones are forgotten.
const IDLE: usize = 1024;

/// All queues. Callers of different principals share a read lock only.
#[derive(Debug)]
pub(super) struct Queues {
    settings: LogSettings,
    principals: RwLock<HashMap<Option<Principal>, Arc<Mutex<Queue>>>>,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<LogLine>,
    bytes: usize,
    sources: HashMap<CapsuleId, Source>,
}

#[derive(Debug)]
struct Source {
    lines: Bucket,
    bytes: Bucket,
    dropped: u64,
    reported: Option<Instant>,
}

/// What waited for one principal.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) principal: Option<Principal>,
    /// In the order of the calls.
    pub(super) lines: Vec<LogLine>,
    /// How many lines of which capsules did not fit, and were not reported yet.
    pub(super) dropped: Vec<(CapsuleId, u64)>,
}

impl Queues {
    pub(super) fn new(settings: LogSettings) -> Self {
        Self { settings, principals: RwLock::default() }
    }

    /// Takes a line, or counts it as dropped and gives it back.
    pub(super) fn push(&self, line: LogLine, now: Instant) -> Result<(), LogLine> {
        let queue = self.principals.read().get(&line.principal).cloned();
        let queue = queue
            .unwrap_or_else(|| self.principals.write().entry(line.principal.clone()).or_default().clone());
        queue.lock().push(line, &self.settings, now)
    }

    /// Everything that waits, and the counts that are due; with `all`, those that are not due too.
    pub(super) fn drain(&self, now: Instant, all: bool) -> Vec<Batch> {
        let principals = self.principals.read();
        let batches = principals.iter().filter_map(|(principal, queue)| {
            let mut queue = queue.lock();
            let (lines, dropped) = (std::mem::take(&mut queue.lines), queue.due(now, all));
            queue.bytes = 0;
            let principal = principal.clone();
            (!lines.is_empty() || !dropped.is_empty()).then_some(Batch { principal, lines, dropped })
        });
        batches.collect()
    }

    /// True while counts of dropped lines wait for their report.
    pub(super) fn owes_reports(&self) -> bool {
        let owes = |queue: &Arc<Mutex<Queue>>| queue.lock().sources.values().any(|source| source.dropped > 0);
        self.principals.read().values().any(owes)
    }

    /// Forgets principals that would start anew without any difference, once there are many.
    pub(super) fn forget_idle(&self, now: Instant) {
        if self.principals.read().len() > IDLE {
            // Whoever is about to push holds a second reference, taken under the lock held here.
            self.principals
                .write()
                .retain(|_, queue| Arc::strong_count(queue) > 1 || !queue.lock().is_idle(now));
        }
    }
}

impl Queue {
    fn push(&mut self, line: LogLine, settings: &LogSettings, now: Instant) -> Result<(), LogLine> {
        let source = self.sources.entry(line.capsule.clone()).or_insert_with(|| Source {
            lines: Bucket::new(settings.lines_per_second, settings.burst, now),
            bytes: Bucket::new(settings.bytes_per_second, settings.burst, now),
            dropped: 0,
            reported: None,
        });
        let share = |most: usize| if line.level == LogLevel::Error { most } else { most - most / RESERVED };
        let size = line.text.len();
        let room = self.lines.len() < share(MAX_LINES) && self.bytes + size + OVERHEAD <= share(MAX_BYTES);
        if !room || !source.lines.has(1, now) || !source.bytes.has(size, now) {
            source.dropped += 1;
            return Err(line);
        }
        source.lines.take(1);
        source.bytes.take(size);
        self.bytes += size + OVERHEAD;
        self.lines.push(line);
        Ok(())
    }

    fn due(&mut self, now: Instant, all: bool) -> Vec<(CapsuleId, u64)> {
        let due = |source: &Source| {
            let waited = source.reported.is_none_or(|at| now.saturating_duration_since(at) >= REPORT);
            source.dropped > 0 && (all || waited)
        };
        let counts = self.sources.iter_mut().filter(|(_, source)| due(source)).map(|(capsule, source)| {
            source.reported = Some(now);
            (capsule.clone(), std::mem::take(&mut source.dropped))
        });
        counts.collect()
    }

    fn is_idle(&mut self, now: Instant) -> bool {
        let idle = |s: &mut Source| s.dropped == 0 && s.lines.is_full(now) && s.bytes.is_full(now);
        self.lines.is_empty() && self.sources.values_mut().all(idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn line(level: LogLevel, bytes: usize) -> LogLine {
        LogLine {
            principal: Some(Principal::parse("alice").unwrap()),
            capsule: CapsuleId::parse("c").unwrap(),
            level,
            text: "x".repeat(bytes),
            at: SystemTime::UNIX_EPOCH,
        }
    }

    fn unlimited() -> LogSettings {
        LogSettings { lines_per_second: 1 << 40, bytes_per_second: 1 << 40, ..LogSettings::default() }
    }

    #[test]
    fn errors_still_fit_when_other_lines_no_longer_do() {
        let (queues, now) = (Queues::new(unlimited()), Instant::now());
        let fitting = |level| (0..5000).filter(|_| queues.push(line(level, 1), now).is_ok()).count();
        assert_eq!(fitting(LogLevel::Info), MAX_LINES - MAX_LINES / RESERVED);
        assert_eq!(fitting(LogLevel::Error), MAX_LINES / RESERVED);
        let [batch] = &queues.drain(now, false)[..] else { unreachable!() };
        assert_eq!(batch.lines.len(), MAX_LINES);
        assert_eq!(batch.dropped[0].1, 10_000 - MAX_LINES as u64);
    }

    #[test]
    fn a_queue_holds_four_mebibytes_however_few_lines_they_are() {
        let (queues, now) = (Queues::new(unlimited()), Instant::now());
        let big = || line(LogLevel::Error, 64 * 1024);
        assert_eq!((0..100).filter(|_| queues.push(big(), now).is_ok()).count(), 63);
    }

    #[test]
    fn one_source_over_its_rate_takes_nothing_from_another() {
        let settings = LogSettings { lines_per_second: 2, ..LogSettings::default() };
        let (queues, now) = (Queues::new(settings), Instant::now());
        let fits = |capsule: &str| {
            let capsule = CapsuleId::parse(capsule).unwrap();
            queues.push(LogLine { capsule, ..line(LogLevel::Info, 1) }, now).is_ok()
        };
        assert_eq!((0..20).filter(|_| fits("noisy")).count(), 10);
        assert_eq!((0..3).filter(|_| fits("quiet")).count(), 3);
        assert!(queues.owes_reports());
        assert_eq!(queues.drain(now, false)[0].dropped[0].1, 10);
        assert!(!queues.owes_reports());
    }

    #[test]
    fn losses_are_reported_once_a_second_or_when_everything_is_asked_for() {
        let settings = LogSettings { lines_per_second: 0, ..LogSettings::default() };
        let (queues, now) = (Queues::new(settings), Instant::now());
        let lose = || assert!(queues.push(line(LogLevel::Info, 1), now).is_err());
        lose();
        assert_eq!(queues.drain(now, false).len(), 1);
        lose();
        assert_eq!(queues.drain(now, false).len(), 0);
        assert_eq!(queues.drain(now, true).len(), 1);
        lose();
        assert_eq!(queues.drain(now + REPORT, false).len(), 1);
    }

    #[test]
    fn idle_principals_are_forgotten_when_there_are_many() {
        let (queues, now) = (Queues::new(LogSettings::default()), Instant::now());
        for n in 0..=IDLE {
            let principal = Some(Principal::parse(&format!("p{n}")).unwrap());
            queues.push(LogLine { principal, ..line(LogLevel::Info, 1) }, now).unwrap();
        }
        queues.drain(now, false);
        queues.forget_idle(now);
        assert_eq!(queues.principals.read().len(), IDLE + 1);
        queues.forget_idle(now + Duration::from_secs(60));
        assert!(queues.principals.read().is_empty());
    }
}
