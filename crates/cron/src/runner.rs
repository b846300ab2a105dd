//! What firing a job means.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{BoxFuture, JobKey};

/// One firing of a job.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Firing {
    /// Which job.
    pub key: JobKey,
    /// What is called.
    pub action: String,
    /// The instant of the schedule.
    pub scheduled_at: Timestamp,
    /// When it really fires: a moment later.
    pub fired_at: Timestamp,
    /// The job's payload.
    pub arguments: Value,
}

impl Firing {
    /// What the action is given: `{ "name", "scheduled_at", "fired_at", "payload" }`, the instants as RFC 3339 in UTC.
    #[must_use]
    pub fn payload(&self) -> Value {
        json!({
            "name": &*self.key.name,
            "scheduled_at": self.scheduled_at.to_string(),
            "fired_at": self.fired_at.to_string(),
            "payload": self.arguments,
        })
    }
}

/// How a firing went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The action did not refuse.
    Done,
    /// It refused, or could not be called.
    Failed(String),
    /// It was not tried, which is nobody's failure: the principal is disabled.
    NotNow(String),
}

/// Calls actions.
pub trait Runner: Send + Sync + 'static {
    /// Calls the action and answers when it ended. Until then the job does not fire again.
    fn fire(&self, firing: Firing) -> BoxFuture<'static, Outcome>;

    /// A job failed [`crate::MAX_FAILURES`] times in a row and rests until its capsule is loaded again.
    fn suspended(&self, job: &JobKey, reason: &str);
}
