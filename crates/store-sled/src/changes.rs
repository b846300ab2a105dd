//! The row changes of one mutation, before they become a batch.

use astrid_host_kv::StoreError;
use sled::Batch;

use crate::directory::store_error;

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

    /// The batch, after a look at every page it will touch: a batch that meets a damaged page in its
    /// middle would put the whole store in doubt, where this fails one mutation.
    pub(crate) fn into_batch(self, tree: &sled::Tree) -> Result<Batch, StoreError> {
        let mut batch = Batch::default();
        for (row, value) in self.0 {
            tree.get(&row).map_err(store_error)?;
            match value {
                Some(value) => batch.insert(row, value),
                None => batch.remove(row),
            }
        }
        Ok(batch)
    }
}
