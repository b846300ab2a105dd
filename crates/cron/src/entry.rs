//! One job in the table, and when it is due.

use std::time::Duration;

use astrid_capsule_manifest::{CronJobDef, CronPayload, CronTimezone, Schedule, ScheduleRule};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::{Clock, JobInfo, JobKey, MAX_FAILURES, StoredJob, next_slot};

/// A firing that comes later than this was missed: the machine slept, or the clock was moved. Within it, the timer
/// was merely busy, or the clock corrected.
const LATE: Duration = Duration::from_secs(60);

/// When a job fires next. Calendars go by the clock on the wall, intervals by the one nobody sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    At(Timestamp),
    Elapsed(Duration),
    Never,
}

pub(crate) struct Entry {
    pub(crate) schedule: Schedule,
    pub(crate) action: String,
    pub(crate) arguments: Value,
    /// The manifest has it.
    pub(crate) declared: bool,
    /// Tells a job from one that was replaced while it ran.
    pub(crate) generation: u64,
    zone: CronTimezone,
    due: Due,
    /// The last slot of a calendar that was due; nothing at or before it fires again.
    last: Option<Timestamp>,
    /// The clock on the wall when the next slot was found. Behind it, the clock was set back.
    found_at: Timestamp,
    pub(crate) skipped: u64,
    missed: u64,
    pub(crate) failures: u32,
}

/// What looking at a job at one moment shows.
pub(crate) enum Look {
    /// It is due, for this instant of its schedule.
    Due(Timestamp),
    /// Not yet.
    Wait,
    /// Not any more.
    Rest,
}

impl Entry {
    pub(crate) fn declared(job: &CronJobDef, generation: u64, clock: &dyn Clock) -> Self {
        let arguments = match &job.payload {
            CronPayload::Text(text) => Value::from(text.as_str()),
            CronPayload::Json(map) => Value::Object(map.clone()),
        };
        Self::new(job.schedule.clone(), job.action.clone(), arguments, true, job.timezone, generation, clock)
    }

    pub(crate) fn scheduled(schedule: Schedule, job: &StoredJob, generation: u64, clock: &dyn Clock) -> Self {
        let (action, arguments) = (job.action.clone(), job.payload.clone());
        Self::new(schedule, action, arguments, false, CronTimezone::Utc, generation, clock)
    }

    fn new(
        schedule: Schedule,
        action: String,
        arguments: Value,
        declared: bool,
        zone: CronTimezone,
        generation: u64,
        clock: &dyn Clock,
    ) -> Self {
        let mut entry = Self {
            schedule,
            action,
            arguments,
            declared,
            generation,
            zone,
            due: Due::Never,
            last: None,
            found_at: clock.now(),
            skipped: 0,
            missed: 0,
            failures: 0,
        };
        entry.advance(clock);
        entry
    }

    /// When it was to be looked at, whether or not it began to rest since.
    pub(crate) fn in_agenda(&self) -> Due {
        self.due
    }

    /// When it is to be looked at; never, if it rests.
    pub(crate) fn due(&self) -> Due {
        if self.failures >= MAX_FAILURES { Due::Never } else { self.due }
    }

    /// Where the job stands now. What is due, or was missed, is past from here on.
    pub(crate) fn look(&mut self, clock: &dyn Clock) -> Look {
        if self.failures >= MAX_FAILURES {
            return Look::Rest;
        }
        let (wait, late, slot) = match self.due {
            Due::Never => return Look::Rest,
            Due::At(at) => {
                let now = clock.now();
                if now < self.found_at {
                    // Found while the clock was ahead, it may be far away.
                    self.advance(clock);
                    return Look::Wait;
                }
                if now >= at {
                    self.last = Some(at);
                }
                (span(now, at), span(at, now), at)
            }
            Due::Elapsed(at) => {
                let now = clock.elapsed();
                let late = now.saturating_sub(at);
                (
                    at.saturating_sub(now),
                    late,
                    clock.now().saturating_sub(late).unwrap_or_else(|_| clock.now()),
                )
            }
        };
        if wait > Duration::ZERO {
            return Look::Wait;
        }
        self.advance(clock);
        if late > LATE {
            self.missed += 1;
            return self.look(clock);
        }
        Look::Due(slot)
    }

    /// The next slot, never one at or before a slot that was due already.
    fn advance(&mut self, clock: &dyn Clock) {
        self.due = match self.schedule.rule() {
            ScheduleRule::Every(interval) => Due::Elapsed(match self.due {
                Due::Elapsed(last) => {
                    let (now, step) = (clock.elapsed(), interval.as_nanos().max(1));
                    let slots = now.saturating_sub(last).as_nanos() / step + 1;
                    last.saturating_add(interval.saturating_mul(u32::try_from(slots).unwrap_or(u32::MAX)))
                }
                _ => clock.elapsed().saturating_add(*interval),
            }),
            ScheduleRule::Calendar(fields) => {
                let now = clock.now();
                self.found_at = now;
                let after = self.last.map_or(now, |last| now.max(last));
                let zone = match self.zone {
                    CronTimezone::Utc => TimeZone::UTC,
                    CronTimezone::Local => clock.zone(),
                };
                next_slot(fields, &zone, after).map_or(Due::Never, Due::At)
            }
        };
    }

    pub(crate) fn next_at(&self, clock: &dyn Clock) -> Option<Timestamp> {
        match self.due {
            _ if self.failures >= MAX_FAILURES => None,
            Due::Never => None,
            Due::At(at) => Some(at),
            Due::Elapsed(at) => clock.now().checked_add(at.saturating_sub(clock.elapsed())).ok(),
        }
    }

    pub(crate) fn info(&self, key: &JobKey, clock: &dyn Clock) -> JobInfo {
        JobInfo {
            key: key.clone(),
            schedule: self.schedule.to_string(),
            action: self.action.clone(),
            declared: self.declared,
            next_at: self.next_at(clock),
            skipped: self.skipped,
            missed: self.missed,
            failures: self.failures,
        }
    }
}

/// From one instant to a later one; nothing if it is not later.
fn span(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
