//! Why a job was not scheduled.

use astrid_capsule_manifest::BadSchedule;

use crate::{MAX_DYNAMIC_JOBS, MAX_PAYLOAD_BYTES};

/// A store of jobs failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("job store: {0}")]
pub struct JobStoreError(pub String);

/// Why a request about a job was refused. The text is for the capsule that asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CronError {
    /// The name does not follow the grammar.
    #[error("job name {0:?} is not valid; allowed: 1 to 64 lowercase letters, digits, \"_\", \"-\"")]
    BadName(String),
    /// The action is empty or longer than a name may be.
    #[error("action of job {0:?} is not valid; allowed: 1 to 256 bytes")]
    BadAction(String),
    /// The schedule is not one, or never fires.
    #[error(
        "schedule: {0}; allowed: five or six cron fields, @hourly, @daily, @weekly, @monthly, @every <n>{{s,m,h,d}} with a minimum of 1s"
    )]
    BadSchedule(#[from] BadSchedule),
    /// The manifest has a job of that name.
    #[error("job {0:?}: name is declared in the manifest")]
    Declared(String),
    /// One principal has as many jobs with this capsule as it may.
    #[error("job {0:?}: limit of {MAX_DYNAMIC_JOBS} scheduled jobs reached; cancel one first")]
    TooMany(String),
    /// The payload is too large.
    #[error("job {name:?}: payload of {bytes} bytes; allowed: at most {MAX_PAYLOAD_BYTES}")]
    PayloadTooLarge {
        /// Of which job.
        name: String,
        /// Its size as JSON.
        bytes: usize,
    },
    /// There is no such job to cancel.
    #[error("no job {0:?} is scheduled")]
    Unknown(String),
    /// The job could not be kept; nothing was scheduled or cancelled.
    #[error("jobs cannot be kept at the moment")]
    Store(#[source] JobStoreError),
}
