//! All jobs of the capsules that are ready.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::entry::Entry;
use crate::{CronError, JobKey, MAX_DYNAMIC_JOBS};

/// What the service holds under its lock.
#[derive(Default)]
pub(crate) struct Table {
    /// Only of capsules that are ready. Sorted by capsule, then principal, so that either is a range.
    pub(crate) jobs: BTreeMap<JobKey, Entry>,
    /// Jobs whose action has not ended, also of capsules that were unloaded since.
    pub(crate) running: HashSet<JobKey>,
    /// Capsules that are ready.
    ready: HashSet<Arc<str>>,
    generations: u64,
}

impl Table {
    pub(crate) fn generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }

    pub(crate) fn is_ready(&self, capsule: &str) -> bool {
        self.ready.contains(capsule)
    }

    /// Makes room for the jobs of a capsule that `owner` loaded. What other owners' builds of it declare stays.
    pub(crate) fn renew(&mut self, capsule: &str, owner: &str) {
        self.ready.insert(capsule.into());
        self.jobs.retain(|key, job| &*key.capsule != capsule || (job.declared && &*key.principal != owner));
    }

    pub(crate) fn withdraw(&mut self, capsule: &str) {
        self.ready.remove(capsule);
        self.jobs.retain(|key, _| &*key.capsule != capsule);
    }

    pub(crate) fn declares(&self, capsule: &str, name: &str) -> bool {
        self.jobs.iter().any(|(key, job)| &*key.capsule == capsule && &*key.name == name && job.declared)
    }

    /// Whether one more job may be scheduled under this key.
    pub(crate) fn admits(&self, key: &JobKey) -> Result<(), CronError> {
        if self.declares(&key.capsule, &key.name) {
            return Err(CronError::Declared(key.name.to_string()));
        }
        let of_principal = |other: &JobKey| other.capsule == key.capsule && other.principal == key.principal;
        let others =
            self.jobs.iter().filter(|(other, job)| of_principal(other) && !job.declared && *other != key);
        if others.count() >= MAX_DYNAMIC_JOBS {
            return Err(CronError::TooMany(key.name.to_string()));
        }
        Ok(())
    }
}
