//! What a backend is.

use std::io;
use std::sync::Arc;

use astrid_host_context::Scope;

use crate::{Answer, Cursor, Key, Prefix};

/// The bytes of one value; a clone is one reference count.
pub type Value = Arc<[u8]>;

/// What the second half of [`Store::apply`] answers with.
pub type Receipt = Answer<'static, Applied>;

/// Keeps values by (namespace, key). The namespace is a [`Scope`]; a backend knows nothing else of
/// principals, capsules, audit or wasmtime, and no scope ever reaches another's rows.
///
/// Operations on one namespace are linearizable, and namespaces are independent: a large one does
/// not slow a small one down. Nothing may block the thread that polls: a backend with a disk works
/// on threads of its own. `astrid_host_testkit::contract::kv` proves a backend.
pub trait Store: Send + Sync + 'static {
    /// The value of `key`, or none. Sees every mutation of the namespace that completed before.
    fn get<'a>(&'a self, scope: &'a Scope, key: &'a Key) -> Answer<'a, Option<Value>>;

    /// Up to `limit` keys that begin with `prefix` and come strictly after `after`, ascending by
    /// bytes, as of one moment, and whether another follows. Costs O(log keys + limit) anywhere in the listing.
    fn page<'a>(
        &'a self,
        scope: &'a Scope,
        prefix: &'a Prefix,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> Answer<'a, Page>;

    /// Hands one mutation over. It compares, checks `terms.limits` and changes rows and usage in one
    /// step that no reader and no crash sees a part of.
    ///
    /// The answer comes when the mutation is queued: dropping it earlier means that nothing happens.
    /// The [`Receipt`] in it comes after the effect is durable, and dropping that undoes nothing.
    fn apply<'a>(&'a self, scope: &'a Scope, mutation: Mutation, terms: Terms) -> Answer<'a, Receipt>;

    /// What the namespace holds; O(1).
    fn usage<'a>(&'a self, scope: &'a Scope) -> Answer<'a, Usage>;

    /// Removes the namespace with everything in it. Idempotent, and restarted after a crash: from the
    /// answer on it reads as empty for good.
    fn drop_namespace<'a>(&'a self, scope: &'a Scope) -> Answer<'a, ()>;
}

/// One change to a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mutation {
    /// Stores a value whether or not the key existed.
    Set {
        /// Which key.
        key: Key,
        /// Its next value.
        value: Value,
    },
    /// Removes a key, if it is there.
    Delete {
        /// Which key.
        key: Key,
    },
    /// Removes every key with the prefix.
    Clear {
        /// What the keys begin with.
        prefix: Prefix,
    },
    /// Stores `new` if the present state is `expected`.
    Cas {
        /// Which key.
        key: Key,
        /// The state that must be met; none is absence, and only absence.
        expected: Option<Value>,
        /// The next value.
        new: Value,
    },
}

/// The conditions a mutation is applied under. They come with each call, so that a changed profile
/// counts at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What the namespace may hold afterwards.
    pub limits: Limits,
    /// Compare and check the limits, answer as if, and change nothing.
    pub rehearse: bool,
}

impl Terms {
    /// A real change under these limits.
    #[must_use]
    pub fn commit(limits: Limits) -> Self {
        Self { limits, rehearse: false }
    }
}

/// What a namespace may hold. Both are exact: reaching one is allowed, passing it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sum of key and value lengths.
    pub bytes: u64,
    /// Number of keys.
    pub keys: u64,
}

/// What a namespace holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Sum of key and value lengths.
    pub bytes: u64,
    /// Number of keys.
    pub keys: u64,
}

impl Usage {
    /// The usage after one entry changed from `old` to `new`, each given as key plus value bytes,
    /// none for absent.
    #[must_use]
    pub fn replaced(self, old: Option<u64>, new: Option<u64>) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(old.unwrap_or(0)).saturating_add(new.unwrap_or(0)),
            keys: self.keys.saturating_sub(u64::from(old.is_some())).saturating_add(u64::from(new.is_some())),
        }
    }

    /// Whether going from `self` to `next` is within `limits`. What does not grow is always within,
    /// also when a limit was lowered below the usage later.
    #[must_use]
    pub fn may_become(self, next: Self, limits: Limits) -> bool {
        (next.bytes <= self.bytes || next.bytes <= limits.bytes)
            && (next.keys <= self.keys || next.keys <= limits.keys)
    }
}

/// How a mutation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It happened; the number of keys it stored or removed.
    Done(u64),
    /// The state was not the expected one; nothing changed.
    Mismatch,
    /// A limit would be passed; nothing changed.
    OverQuota,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Ascending by bytes.
    pub keys: Vec<String>,
    /// Whether a matching key follows the last one.
    pub more: bool,
}

/// Why a backend could not answer. For operators: guests see one of two fixed texts.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Reading or writing failed; a backend that met it on a write stays failed until it is reopened.
    #[error("storage i/o failed: {0}")]
    Io(Arc<io::Error>),
    /// A stored row is not what was written. Other keys go on working.
    #[error("stored row is corrupt: {0}")]
    Corrupt(String),
    /// The backend was closed, or failed before and was not reopened.
    #[error("the store is closed: {0}")]
    Closed(String),
    /// The stored format is not one that this version reads.
    #[error("unknown storage format {found}; this version reads {known}")]
    Format {
        /// What was found, cut to a line.
        found: String,
        /// What would be accepted.
        known: &'static str,
    },
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}
