//! The host's own rows in the key-value store, where no guest reaches them.

use std::sync::Arc;

use astrid_host_approval::GrantsUnavailable;
use astrid_host_context::{CapsuleId, Scope};
use astrid_host_kv::{Cursor, Key, Limits, Mutation, Prefix, Store, Terms, Value};

/// Keys read at a time.
const PAGE: usize = 256;
/// What is kept is bounded where it is made.
const UNBOUNDED: Limits = Limits { bytes: u64::MAX, keys: u64::MAX };

/// A namespace without a principal, which host functions never open.
#[derive(Clone)]
pub(super) struct Rows {
    store: Arc<dyn Store>,
    scope: Scope,
}

impl Rows {
    pub(super) fn new(store: Arc<dyn Store>) -> Result<Self, crate::CapsuleError> {
        let capsule = CapsuleId::parse("approval").map_err(crate::CapsuleError::host)?;
        Ok(Self { store, scope: Scope { principal: None, capsule } })
    }

    /// Everything whose key begins with `prefix`.
    pub(super) async fn below(&self, prefix: &str) -> Result<Vec<(String, Value)>, GrantsUnavailable> {
        let prefix = Prefix::parse(prefix).map_err(failed)?;
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.page(&self.scope, &prefix, after.as_ref(), PAGE).await.map_err(failed)?;
            after = match page.keys.last() {
                Some(last) if page.more => Some(Cursor::parse(last.clone()).map_err(failed)?),
                _ => None,
            };
            for key in page.keys {
                if let Some(value) = self.get(&key).await? {
                    rows.push((key, value));
                }
            }
            if after.is_none() {
                return Ok(rows);
            }
        }
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Value>, GrantsUnavailable> {
        let key = Key::parse(key).map_err(failed)?;
        self.store.get(&self.scope, &key).await.map_err(failed)
    }

    /// On disk when it answers, as the others are.
    pub(super) async fn set(&self, key: &str, value: Vec<u8>) -> Result<(), GrantsUnavailable> {
        let key = Key::parse(key).map_err(failed)?;
        self.apply(Mutation::Set { key, value: value.into() }).await
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), GrantsUnavailable> {
        self.apply(Mutation::Delete { key: Key::parse(key).map_err(failed)? }).await
    }

    pub(super) async fn clear(&self, prefix: &str) -> Result<(), GrantsUnavailable> {
        self.apply(Mutation::Clear { prefix: Prefix::parse(prefix).map_err(failed)? }).await
    }

    async fn apply(&self, mutation: Mutation) -> Result<(), GrantsUnavailable> {
        let queued = self.store.apply(&self.scope, mutation, Terms::commit(UNBOUNDED)).await;
        queued.map_err(failed)?.await.map(drop).map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> GrantsUnavailable {
    GrantsUnavailable(error.to_string())
}
