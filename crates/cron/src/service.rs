//! Scheduling, cancelling, listing.

use std::fmt;
use std::sync::Arc;

use astrid_capsule_manifest::{CronJobDef, Schedule};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::entry::Entry;
use crate::table::Table;
use crate::{Clock, CronError, JobInfo, JobKey, JobStore, JobStoreError, NewJob, Runner, StoredJob};

/// The jobs of all capsules. A clone is the same service.
///
/// Nothing fires before the future of [`CronService::run`] is polled.
#[derive(Clone)]
pub struct CronService {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) runner: Box<dyn Runner>,
    store: Box<dyn JobStore>,
    pub(crate) table: Mutex<Table>,
    /// Whoever changes store and table does both before the next one begins, so that they agree.
    changes: tokio::sync::Mutex<()>,
    /// Apart, so that the loop can wait for it without keeping the service alive.
    pub(crate) changed: Arc<Notify>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.changed.notify_one();
    }
}

impl CronService {
    /// A service without jobs.
    #[must_use]
    pub fn new(clock: impl Clock, store: impl JobStore, runner: impl Runner) -> Self {
        let shared = Shared {
            clock: Box::new(clock),
            runner: Box::new(runner),
            store: Box::new(store),
            table: Mutex::default(),
            changes: tokio::sync::Mutex::default(),
            changed: Arc::new(Notify::new()),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The capsule is ready: its declared jobs run from now on, as `owner`, and so do the ones that were scheduled
    /// before. What it declared for this owner at an earlier load and does not now is gone; what was suspended runs
    /// again.
    ///
    /// # Errors
    /// The store could not be read. The declared jobs run nevertheless.
    pub async fn activate(
        &self,
        capsule: &str,
        owner: &str,
        declared: &[CronJobDef],
    ) -> Result<(), JobStoreError> {
        let _turn = self.shared.changes.lock().await;
        let stored = self.shared.store.load(capsule).await;
        let mut table = self.shared.table.lock();
        table.renew(capsule, owner);
        for job in declared {
            let generation = table.generation();
            let entry = Entry::declared(job, generation, &*self.shared.clock);
            table.declare(JobKey::new(capsule, owner, &job.name), entry, &*self.shared.clock);
        }
        for job in stored.as_deref().unwrap_or_default() {
            match self.restored(&mut table, job) {
                Ok(entry) => table.insert(job.key(), entry, &*self.shared.clock),
                Err(error) => tracing::warn!(capsule, job = job.name, %error, "a scheduled job is left out"),
            }
        }
        drop(table);
        self.shared.changed.notify_one();
        stored.map(drop)
    }

    fn restored(&self, table: &mut Table, job: &StoredJob) -> Result<Entry, CronError> {
        let schedule = Schedule::parse(&job.schedule)?;
        table.admits(&job.key())?;
        Ok(Entry::scheduled(schedule, job, table.generation(), &*self.shared.clock))
    }

    /// The capsule is not ready any more: none of its jobs fires. What was scheduled stays kept.
    pub fn deactivate(&self, capsule: &str) {
        self.shared.table.lock().withdraw(capsule);
        self.shared.changed.notify_one();
    }

    /// The capsule is uninstalled: its scheduled jobs are forgotten.
    ///
    /// # Errors
    /// The store failed; what it still has fires again after the next [`CronService::activate`].
    pub async fn forget(&self, capsule: &str) -> Result<(), JobStoreError> {
        let _turn = self.shared.changes.lock().await;
        self.deactivate(capsule);
        for job in self.shared.store.load(capsule).await? {
            self.shared.store.remove(&job.key()).await?;
        }
        Ok(())
    }

    /// The capsule is uninstalled for one principal: what was scheduled for them is forgotten.
    ///
    /// # Errors
    /// The store failed; what it still has fires again after the next [`CronService::activate`].
    pub async fn forget_for(&self, capsule: &str, principal: &str) -> Result<(), JobStoreError> {
        let _turn = self.shared.changes.lock().await;
        for job in self.shared.store.load(capsule).await?.iter().filter(|job| job.principal == principal) {
            self.shared.store.remove(&job.key()).await?;
            self.shared.table.lock().remove(&job.key());
        }
        Ok(())
    }

    /// Schedules a job for `principal`, in place of one with the same name, and answers when it fires first.
    ///
    /// # Errors
    /// A [`CronError`] that says what is wrong with the job; nothing has changed then.
    pub async fn schedule(
        &self,
        capsule: &str,
        principal: &str,
        job: NewJob,
    ) -> Result<Timestamp, CronError> {
        job.check()?;
        let schedule = Schedule::parse(&job.schedule)?;
        let key = JobKey::new(capsule, principal, &job.name);
        let stored = StoredJob {
            capsule: capsule.to_owned(),
            principal: principal.to_owned(),
            action: job.action.unwrap_or_else(|| job.name.clone()),
            name: job.name,
            schedule: job.schedule,
            payload: job.payload,
        };
        let _turn = self.shared.changes.lock().await;
        self.shared.table.lock().admits(&key)?;
        self.shared.store.put(stored.clone()).await.map_err(CronError::Store)?;
        let clock = &*self.shared.clock;
        let mut table = self.shared.table.lock();
        let entry = Entry::scheduled(schedule, &stored, table.generation(), clock);
        let first = entry.next_at(clock);
        // A capsule that was unloaded meanwhile finds the job when it is ready again.
        if table.is_ready(capsule) {
            table.insert(key, entry, clock);
        }
        drop(table);
        self.shared.changed.notify_one();
        Ok(first.unwrap_or(Timestamp::MAX))
    }

    /// Cancels a scheduled job. A firing that has begun is not touched.
    ///
    /// # Errors
    /// [`CronError::Unknown`], [`CronError::Declared`] for a job of the manifest, [`CronError::Store`].
    pub async fn cancel(&self, capsule: &str, principal: &str, name: &str) -> Result<(), CronError> {
        let key = JobKey::new(capsule, principal, name);
        let _turn = self.shared.changes.lock().await;
        {
            let table = self.shared.table.lock();
            if table.declares(capsule, name) {
                return Err(CronError::Declared(name.to_owned()));
            }
            if !table.contains(&key) {
                return Err(CronError::Unknown(name.chars().take(64).collect()));
            }
        }
        self.shared.store.remove(&key).await.map_err(CronError::Store)?;
        self.shared.table.lock().remove(&key);
        Ok(())
    }

    /// The jobs `principal` has with a capsule, and those the capsule declares, by name.
    #[must_use]
    pub fn list(&self, capsule: &str, principal: &str) -> Vec<JobInfo> {
        let table = self.shared.table.lock();
        let seen = table.of(capsule).filter(|(key, job)| job.declared || &*key.principal == principal);
        let mut list: Vec<_> = seen.map(|(key, job)| job.info(key, &*self.shared.clock)).collect();
        list.sort_by(|a, b| a.key.name.cmp(&b.key.name));
        list
    }
}

impl fmt::Debug for CronService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CronService").field("jobs", &self.shared.table.lock().len()).finish_non_exhaustive()
    }
}
