//! All jobs of the capsules that are ready.

use std::collections::{BTreeMap, HashMap, HashSet};
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
    /// The capsules that are ready, each with the names its manifests declare and how many owners' builds do.
    ready: HashMap<Arc<str>, HashMap<Arc<str>, usize>>,
    generations: u64,
}

impl Table {
    pub(crate) fn generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }

    pub(crate) fn is_ready(&self, capsule: &str) -> bool {
        self.ready.contains_key(capsule)
    }

    /// Makes room for the jobs of a capsule that `owner` loaded. What other owners' builds of it declare stays.
    pub(crate) fn renew(&mut self, capsule: &str, owner: &str) {
        let mut names = HashMap::new();
        self.jobs.retain(|key, job| {
            let stays = &*key.capsule != capsule || (job.declared && &*key.principal != owner);
            if stays && &*key.capsule == capsule {
                *names.entry(key.name.clone()).or_default() += 1;
            }
            stays
        });
        self.ready.insert(capsule.into(), names);
    }

    /// Adds a job of the manifest.
    pub(crate) fn declare(&mut self, key: JobKey, job: Entry) {
        if let Some(names) = self.ready.get_mut(&key.capsule) {
            *names.entry(key.name.clone()).or_default() += 1;
        }
        self.jobs.insert(key, job);
    }

    pub(crate) fn withdraw(&mut self, capsule: &str) {
        self.ready.remove(capsule);
        self.jobs.retain(|key, _| &*key.capsule != capsule);
    }

    pub(crate) fn declares(&self, capsule: &str, name: &str) -> bool {
        self.ready.get(capsule).is_some_and(|names| names.contains_key(name))
    }

    /// Whether one more job may be scheduled under this key.
    pub(crate) fn admits(&self, key: &JobKey) -> Result<(), CronError> {
        if self.declares(&key.capsule, &key.name) {
            return Err(CronError::Declared(key.name.to_string()));
        }
        let first = JobKey::new(&key.capsule, &key.principal, "");
        let same = |other: &JobKey| other.capsule == key.capsule && other.principal == key.principal;
        let theirs = self.jobs.range(first..).take_while(|(other, _)| same(other));
        let others = theirs.filter(|(other, job)| !job.declared && *other != key);
        if others.count() >= MAX_DYNAMIC_JOBS {
            return Err(CronError::TooMany(key.name.to_string()));
        }
        Ok(())
    }
}
