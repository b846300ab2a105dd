//! Row changes before they become a batch: those of one mutation, and those of many that share one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use astrid_host_kv::{StoreError, Usage};
use sled::Batch;

use crate::directory::store_error;
use crate::engine::Engine;
use crate::namespace::Namespace;

/// Rows to write and to remove.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Changes {
    pub(crate) fn insert(&mut self, row: Vec<u8>, value: Vec<u8>) {
        self.0.push((row, Some(value)));
    }

    pub(crate) fn remove(&mut self, row: Vec<u8>) {
        self.0.push((row, None));
    }

    /// Looks at every page that will be touched: a batch that meets a damaged page in its middle
    /// would put the whole store in doubt, where this fails one mutation.
    pub(crate) fn check(&self, tree: &sled::Tree) -> Result<(), StoreError> {
        self.0.iter().try_for_each(|(row, _)| tree.get(row).map(drop).map_err(store_error))
    }

    /// The batch; of several changes of one row the last counts.
    pub(crate) fn into_batch(self) -> Batch {
        let mut batch = Batch::default();
        for (row, value) in self.0 {
            match value {
                Some(value) => batch.insert(row, value),
                None => batch.remove(row),
            }
        }
        batch
    }
}

/// Mutations that go into the tree together. The engine writes and syncs each batch by itself, so one
/// batch for a group costs a fraction of one for each mutation. They touch different keys: the next
/// mutation of a key waits until the batch with the last one is in the tree.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    changes: Changes,
    keys: HashSet<Vec<u8>>,
    usage: HashMap<Box<[u8]>, Usage>,
    namespaces: Vec<Arc<Namespace>>,
}

impl Pending {
    /// Whether the key row is changed by what is pending; none asks for any row of the namespace.
    pub(crate) fn holds(&self, namespace: &[u8], key_row: Option<&[u8]>) -> bool {
        match key_row {
            Some(row) => self.keys.contains(row),
            None => self.usage.contains_key(namespace),
        }
    }

    pub(crate) fn usage(&self, namespace: &[u8]) -> Option<Usage> {
        self.usage.get(namespace).copied()
    }

    pub(crate) fn add(
        &mut self,
        namespace: &Arc<Namespace>,
        key_row: Option<Vec<u8>>,
        changes: Changes,
        usage: Usage,
    ) {
        self.changes.0.extend(changes.0);
        self.keys.extend(key_row);
        if self.usage.insert(namespace.name.clone(), usage).is_none() {
            self.namespaces.push(namespace.clone());
        }
    }
}

impl Engine {
    /// Puts what is pending into the tree, as one step for readers and for a crash.
    pub(crate) fn seal(&self, pending: &mut Pending) -> Result<(), StoreError> {
        let Pending { changes, namespaces, .. } = std::mem::take(pending);
        if changes.0.is_empty() {
            return Ok(());
        }
        let batch = changes.into_batch();
        // Nobody else holds more than one of these, so taking them one by one cannot lock up.
        let _exclusive: Vec<_> = namespaces.iter().map(|namespace| namespace.rows.write()).collect();
        self.tree().apply_batch(batch).map_err(in_doubt)
    }
}

/// A batch that failed on its way may be in memory in part, whatever the reason: nothing of it may be
/// taken for one row's damage.
pub(crate) fn in_doubt(error: sled::Error) -> StoreError {
    match store_error(error) {
        StoreError::Corrupt(what) => StoreError::Closed(format!("a batch failed on {what}")),
        other => other,
    }
}
