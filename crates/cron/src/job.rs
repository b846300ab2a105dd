//! A job, as others name it and see it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::CronError;

/// Jobs one principal may have scheduled with one capsule: as many as a manifest may declare.
pub const MAX_DYNAMIC_JOBS: usize = 32;
/// Largest payload of a job, as JSON: it is kept for as long as the job and copied at every firing.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 10;
/// Failures in a row after which a job rests until its capsule is loaded again.
pub const MAX_FAILURES: u32 = 10;
/// Actions are names; the manifest's are short as well.
const MAX_ACTION_BYTES: usize = 256;

/// Which job: a name is unique per capsule and principal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey {
    /// The capsule whose action is called.
    pub capsule: Arc<str>,
    /// Whose authority it is called with.
    pub principal: Arc<str>,
    /// The job's name.
    pub name: Arc<str>,
}

impl JobKey {
    pub(crate) fn new(capsule: &str, principal: &str, name: &str) -> Self {
        Self { capsule: capsule.into(), principal: principal.into(), name: name.into() }
    }
}

/// A job to be scheduled at run time.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// 1 to 64 of `[a-z0-9_-]`; a job of that name that the principal has already is replaced.
    pub name: String,
    /// As in a manifest, by UTC.
    pub schedule: String,
    /// What is called; the name if not given.
    pub action: Option<String>,
    /// Handed to every firing.
    pub payload: Value,
}

impl NewJob {
    /// Checks all but the schedule.
    pub(crate) fn check(&self) -> Result<(), CronError> {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.bytes().all(letter) {
            return Err(CronError::BadName(self.name.chars().take(64).collect()));
        }
        if self.action.as_ref().is_some_and(|action| action.is_empty() || action.len() > MAX_ACTION_BYTES) {
            return Err(CronError::BadAction(self.name.clone()));
        }
        let bytes = self.payload.to_string().len();
        if bytes > MAX_PAYLOAD_BYTES {
            return Err(CronError::PayloadTooLarge { name: self.name.clone(), bytes });
        }
        Ok(())
    }
}

/// How a job is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobInfo {
    /// Which job.
    pub key: JobKey,
    /// As written.
    pub schedule: String,
    /// What is called.
    pub action: String,
    /// The manifest has it; it cannot be cancelled.
    pub declared: bool,
    /// When it fires next; `None` while it is suspended.
    pub next_at: Option<Timestamp>,
    /// Times it was due while it was still running from before.
    pub skipped: u64,
    /// Times it was due while nobody could look: the machine slept, or its clock was moved ahead.
    pub missed: u64,
    /// Failures since it last succeeded.
    pub failures: u32,
}
