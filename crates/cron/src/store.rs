//! Where scheduled jobs are kept.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{BoxFuture, JobKey, JobStoreError};

/// A job as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredJob {
    /// The capsule that scheduled it.
    pub capsule: String,
    /// For whom.
    pub principal: String,
    /// Its name.
    pub name: String,
    /// As written.
    pub schedule: String,
    /// What is called.
    pub action: String,
    /// Handed to every firing.
    pub payload: Value,
}

impl StoredJob {
    /// Which job it is.
    #[must_use]
    pub fn key(&self) -> JobKey {
        JobKey::new(&self.capsule, &self.principal, &self.name)
    }
}

/// Keeps scheduled jobs from one start to the next. What an answer says is done survives a crash.
pub trait JobStore: Send + Sync + 'static {
    /// Every job of a capsule, for all principals. A record that cannot be understood is left out, and logged.
    fn load<'a>(&'a self, capsule: &'a str) -> BoxFuture<'a, Result<Vec<StoredJob>, JobStoreError>>;

    /// Keeps a job, in place of an earlier one with the same key.
    fn put(&self, job: StoredJob) -> BoxFuture<'_, Result<(), JobStoreError>>;

    /// Forgets a job; one that is not there is forgotten.
    fn remove<'a>(&'a self, key: &'a JobKey) -> BoxFuture<'a, Result<(), JobStoreError>>;
}

/// Keeps jobs until the process ends.
#[derive(Debug, Default)]
pub struct MemoryJobs(Mutex<BTreeMap<JobKey, StoredJob>>);

impl JobStore for MemoryJobs {
    fn load<'a>(&'a self, capsule: &'a str) -> BoxFuture<'a, Result<Vec<StoredJob>, JobStoreError>> {
        let jobs: Vec<_> = self.0.lock().values().filter(|job| job.capsule == capsule).cloned().collect();
        Box::pin(std::future::ready(Ok(jobs)))
    }

    fn put(&self, job: StoredJob) -> BoxFuture<'_, Result<(), JobStoreError>> {
        self.0.lock().insert(job.key(), job);
        Box::pin(std::future::ready(Ok(())))
    }

    fn remove<'a>(&'a self, key: &'a JobKey) -> BoxFuture<'a, Result<(), JobStoreError>> {
        self.0.lock().remove(key);
        Box::pin(std::future::ready(Ok(())))
    }
}
