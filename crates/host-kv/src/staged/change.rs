//! What staged work came to, and how it is written.

use std::collections::VecDeque;

use astrid_host_context::Scope;

use crate::{Key, Limits, Mutation, Store, StoreError, Terms, Value};

/// Limits were checked when the change was staged.
pub(super) const UNLIMITED: Limits = Limits { bytes: u64::MAX, keys: u64::MAX };

/// Changes under way at a time: enough for a backend that groups its commits.
const AT_ONCE: usize = 256;

/// The state one key is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub scope: Scope,
    /// Which key.
    pub key: Key,
    /// Its value; none removes it.
    pub value: Option<Value>,
}

/// Writes changes to a store, whatever its limits, and returns when all of them are durable. A part that
/// was written before, by a run that a crash ended, is written again to the same effect.
///
/// # Errors
/// The store's. Some of the changes may be there then; replaying all of them makes it right.
pub async fn replay(
    store: &dyn Store,
    changes: impl IntoIterator<Item = Change, IntoIter: Send>,
) -> Result<(), StoreError> {
    let mut under_way = VecDeque::new();
    for Change { scope, key, value } in changes {
        let mutation = match value {
            Some(value) => Mutation::Set { key, value },
            None => Mutation::Delete { key },
        };
        if under_way.len() == AT_ONCE
            && let Some(first) = under_way.pop_front()
        {
            first.await?;
        }
        under_way.push_back(store.apply(&scope, mutation, Terms::commit(UNLIMITED)).await?);
    }
    for receipt in under_way {
        receipt.await?;
    }
    Ok(())
}
