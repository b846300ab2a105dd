//! Where secrets go.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use astrid_host_context::{CapsuleId, Principal};
use parking_lot::Mutex;

use crate::{AnswerText, Key};

/// The store could not answer, or could not keep something. For operators; a guest sees an arm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("secret store: {0}")]
pub struct SecretsUnavailable(pub String);

/// Whose secret of what name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Whose. Calls for nobody never reach a store.
    pub principal: Principal,
    /// For which capsule. Its id outlives an upgrade.
    pub capsule: CapsuleId,
    /// The name.
    pub key: Key,
}

/// A future that object-safe traits return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps secrets. This package writes and asks whether one is there; it never reads one back.
///
/// Calls are made from tasks of their own and counted, so an implementation may take its time, though not a
/// runtime worker's.
pub trait Secrets: Send + Sync {
    /// Whether there is one that can be opened.
    fn has<'a>(&'a self, slot: &'a Slot) -> BoxFuture<'a, Result<bool, SecretsUnavailable>>;

    /// Stores a secret in place of any other of this slot, whole or not at all; durable when it returns.
    fn store<'a>(
        &'a self,
        slot: &'a Slot,
        value: AnswerText,
    ) -> BoxFuture<'a, Result<(), SecretsUnavailable>>;
}

/// Secrets that end with the process: for tests, and for kernels that hold secrets themselves.
#[derive(Default)]
pub struct MemorySecrets(Mutex<HashMap<Slot, AnswerText>>);

impl MemorySecrets {
    /// No secrets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The secret, for the kernel.
    #[must_use]
    pub fn get(&self, slot: &Slot) -> Option<AnswerText> {
        self.0.lock().get(slot).cloned()
    }
}

impl fmt::Debug for MemorySecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySecrets").finish_non_exhaustive()
    }
}

impl Secrets for MemorySecrets {
    fn has<'a>(&'a self, slot: &'a Slot) -> BoxFuture<'a, Result<bool, SecretsUnavailable>> {
        Box::pin(async move { Ok(self.0.lock().contains_key(slot)) })
    }

    fn store<'a>(
        &'a self,
        slot: &'a Slot,
        value: AnswerText,
    ) -> BoxFuture<'a, Result<(), SecretsUnavailable>> {
        Box::pin(async move {
            self.0.lock().insert(slot.clone(), value);
            Ok(())
        })
    }
}
