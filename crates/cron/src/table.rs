//! All jobs of the capsules that are ready.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::agenda::Agenda;
use crate::entry::{Entry, Look};
use crate::{Clock, CronError, JobKey, MAX_DYNAMIC_JOBS};

/// What the service holds under its lock.
#[derive(Default)]
pub(crate) struct Table {
    /// Only of capsules that are ready. Sorted by capsule, then principal, so that either is a range.
    jobs: BTreeMap<JobKey, Entry>,
    /// The same, by when they are due.
    agenda: Agenda,
    /// Jobs whose action has not ended, also of capsules that were unloaded since.
    pub(crate) running: HashSet<JobKey>,
    /// The capsules that are ready, each with the names its manifests declare and how many owners' builds do.
    ready: HashMap<Arc<str>, HashMap<Arc<str>, usize>>,
    generations: u64,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(crate) fn get_mut(&mut self, key: &JobKey) -> Option<&mut Entry> {
        self.jobs.get_mut(key)
    }

    pub(crate) fn contains(&self, key: &JobKey) -> bool {
        self.jobs.contains_key(key)
    }

    /// Adds a job, in place of one with the same key.
    pub(crate) fn insert(&mut self, key: JobKey, job: Entry, clock: &dyn Clock) {
        self.remove(&key);
        self.agenda.put(key.clone(), job.due(), clock);
        self.jobs.insert(key, job);
    }

    pub(crate) fn remove(&mut self, key: &JobKey) {
        if let Some(job) = self.jobs.remove(key) {
            // One that began to rest since is in it no more than one that always did.
            self.agenda.remove(key, job.in_agenda());
        }
    }

    /// The jobs of a capsule.
    pub(crate) fn of<'a>(&'a self, capsule: &'a str) -> impl Iterator<Item = (&'a JobKey, &'a Entry)> {
        let first = JobKey::new(capsule, "", "");
        self.jobs.range(first..).take_while(move |(key, _)| &*key.capsule == capsule)
    }

    /// Takes a look at every job that may be due, and says what it shows; how long until the next may be.
    pub(crate) fn look(
        &mut self,
        clock: &dyn Clock,
        mut seen: impl FnMut(&JobKey, &mut Entry, &mut HashSet<JobKey>, Look),
    ) -> Option<Duration> {
        for key in self.agenda.take(clock) {
            let Some(job) = self.jobs.get_mut(&key) else { continue };
            let look = job.look(clock);
            seen(&key, job, &mut self.running, look);
            self.agenda.put(key, job.due(), clock);
        }
        self.agenda.wait(clock)
    }

    pub(crate) fn generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }

    pub(crate) fn is_ready(&self, capsule: &str) -> bool {
        self.ready.contains_key(capsule)
    }

    /// Makes room for the jobs of a capsule that `owner` loaded. What other owners' builds of it declare stays.
    pub(crate) fn renew(&mut self, capsule: &str, owner: &str) {
        let mut names: HashMap<Arc<str>, usize> = HashMap::new();
        let mut gone = Vec::new();
        for (key, job) in self.of(capsule) {
            if job.declared && &*key.principal != owner {
                *names.entry(key.name.clone()).or_default() += 1;
            } else {
                gone.push(key.clone());
            }
        }
        gone.iter().for_each(|key| self.remove(key));
        self.ready.insert(capsule.into(), names);
    }

    /// Adds a job of the manifest.
    pub(crate) fn declare(&mut self, key: JobKey, job: Entry, clock: &dyn Clock) {
        if let Some(names) = self.ready.get_mut(&key.capsule) {
            *names.entry(key.name.clone()).or_default() += 1;
        }
        self.insert(key, job, clock);
    }

    pub(crate) fn withdraw(&mut self, capsule: &str) {
        self.ready.remove(capsule);
        let gone: Vec<_> = self.of(capsule).map(|(key, _)| key.clone()).collect();
        gone.iter().for_each(|key| self.remove(key));
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
