//! Secrets that end with the process.

use std::collections::HashMap;

use parking_lot::RwLock;

use super::{BoxFuture, SecretError, SecretScope, SecretStore, SecretValue};

/// For tests, and for kernels that hold secrets themselves.
#[derive(Default)]
pub struct MemorySecrets(RwLock<HashMap<(SecretScope, String), SecretValue>>);

impl MemorySecrets {
    /// No secrets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl std::fmt::Debug for MemorySecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemorySecrets").finish_non_exhaustive()
    }
}

impl SecretStore for MemorySecrets {
    fn get<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<SecretValue>, SecretError>> {
        Box::pin(async move { Ok(self.0.read().get(&(scope.clone(), key.to_owned())).cloned()) })
    }

    fn set<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
        value: SecretValue,
    ) -> BoxFuture<'a, Result<(), SecretError>> {
        Box::pin(async move {
            self.0.write().insert((scope.clone(), key.to_owned()), value);
            Ok(())
        })
    }

    fn exists<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<bool, SecretError>> {
        Box::pin(async move { Ok(self.0.read().contains_key(&(scope.clone(), key.to_owned()))) })
    }

    fn delete<'a>(&'a self, scope: &'a SecretScope, key: &'a str) -> BoxFuture<'a, Result<(), SecretError>> {
        Box::pin(async move {
            self.0.write().remove(&(scope.clone(), key.to_owned()));
            Ok(())
        })
    }

    fn clear<'a>(&'a self, scope: &'a SecretScope) -> BoxFuture<'a, Result<(), SecretError>> {
        Box::pin(async move {
            self.0.write().retain(|(of, _), _| of != scope);
            Ok(())
        })
    }
}
