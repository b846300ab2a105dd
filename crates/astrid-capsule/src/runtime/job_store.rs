//! Scheduled jobs in the key-value store, where no guest can reach them.

use std::sync::Arc;

use astrid_cron::{BoxFuture, JobKey, JobStore, JobStoreError, StoredJob};
use astrid_host_context::{CapsuleId, Scope};
use astrid_host_kv::{Cursor, Key, Limits, Mutation, Prefix, Store, Terms};

/// Keys read at a time.
const PAGE: usize = 256;
/// The scheduler bounds what one principal keeps; the store need not do it again.
const UNBOUNDED: Limits = Limits { bytes: u64::MAX, keys: u64::MAX };

/// One key a job: `system:cron:{capsule}:{principal}:{name}`.
pub(super) struct KvJobs {
    store: Arc<dyn Store>,
    /// A namespace without a principal, which host functions never open.
    scope: Scope,
}

impl KvJobs {
    pub(super) fn new(store: Arc<dyn Store>) -> Result<Self, crate::CapsuleError> {
        let capsule = CapsuleId::parse("system").map_err(crate::CapsuleError::host)?;
        Ok(Self { store, scope: Scope { principal: None, capsule } })
    }

    fn key(job: &JobKey) -> Result<Key, JobStoreError> {
        let text = format!("{}{}:{}", prefix(&job.capsule), job.principal, job.name);
        Key::parse(text).map_err(failed)
    }

    async fn apply(&self, mutation: Mutation) -> Result<(), JobStoreError> {
        let queued = self.store.apply(&self.scope, mutation, Terms::commit(UNBOUNDED)).await;
        queued.map_err(failed)?.await.map(drop).map_err(failed)
    }

    async fn keys(&self, capsule: &str) -> Result<Vec<String>, JobStoreError> {
        let prefix = Prefix::parse(prefix(capsule)).map_err(failed)?;
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.page(&self.scope, &prefix, after.as_ref(), PAGE).await.map_err(failed)?;
            after = match page.keys.last() {
                Some(last) if page.more => Some(Cursor::parse(last.clone()).map_err(failed)?),
                _ => None,
            };
            keys.extend(page.keys);
            if after.is_none() {
                return Ok(keys);
            }
        }
    }

    async fn read(&self, capsule: &str) -> Result<Vec<StoredJob>, JobStoreError> {
        let mut jobs = Vec::new();
        for text in self.keys(capsule).await? {
            let key = Key::parse(text).map_err(failed)?;
            let Some(value) = self.store.get(&self.scope, &key).await.map_err(failed)? else { continue };
            match serde_json::from_slice(&value) {
                Ok(job) => jobs.push(job),
                Err(error) => tracing::error!(key = key.as_str(), %error, "a stored job cannot be read"),
            }
        }
        Ok(jobs)
    }
}

impl JobStore for KvJobs {
    fn load<'a>(&'a self, capsule: &'a str) -> BoxFuture<'a, Result<Vec<StoredJob>, JobStoreError>> {
        Box::pin(self.read(capsule))
    }

    fn put(&self, job: StoredJob) -> BoxFuture<'_, Result<(), JobStoreError>> {
        Box::pin(async move {
            let value = serde_json::to_vec(&job).map_err(failed)?.into();
            self.apply(Mutation::Set { key: Self::key(&job.key())?, value }).await
        })
    }

    fn remove<'a>(&'a self, key: &'a JobKey) -> BoxFuture<'a, Result<(), JobStoreError>> {
        Box::pin(async move { self.apply(Mutation::Delete { key: Self::key(key)? }).await })
    }
}

fn prefix(capsule: &str) -> String {
    format!("system:cron:{capsule}:")
}

fn failed(error: impl std::fmt::Display) -> JobStoreError {
    JobStoreError(error.to_string())
}
