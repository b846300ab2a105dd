//! Where secrets are kept.

mod disk;
mod file;
mod memory;
mod revealed;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use astrid_host_context::{CapsuleId, Principal};
use zeroize::Zeroizing;

pub use file::FileSecrets;
pub use memory::MemorySecrets;
pub(crate) use revealed::Revealed;

/// How long a store may take before it counts as unavailable: a keyring that asks its user something
/// must not hold a guest for ever.
pub(crate) const LIMIT: Duration = Duration::from_secs(2);

/// A secret in memory; wiped when dropped.
pub type SecretValue = Zeroizing<String>;

/// A future that object-safe traits return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whose secret it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretScope {
    /// `None` is the one an operator stored for every principal of the host.
    pub principal: Option<Principal>,
    /// For which capsule.
    pub capsule: CapsuleId,
}

/// The store could not answer. For operators; a guest sees one fixed text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("secret store: {0}")]
pub struct SecretError(pub String);

impl SecretError {
    pub(crate) fn timed_out() -> Self {
        Self(format!("no answer within {} s", LIMIT.as_secs()))
    }
}

/// Keeps secrets. Nothing is cached above it, so what an operator writes counts at the next call.
pub trait SecretStore: Send + Sync {
    /// The secret, which may be empty, or none.
    fn get<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<SecretValue>, SecretError>>;

    /// Stores a secret; whole or not at all.
    fn set<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
        value: SecretValue,
    ) -> BoxFuture<'a, Result<(), SecretError>>;

    /// Whether there is one.
    fn exists<'a>(&'a self, scope: &'a SecretScope, key: &'a str)
    -> BoxFuture<'a, Result<bool, SecretError>>;

    /// Removes it, if it is there.
    fn delete<'a>(&'a self, scope: &'a SecretScope, key: &'a str) -> BoxFuture<'a, Result<(), SecretError>>;

    /// Removes all that are kept for this scope.
    fn clear<'a>(&'a self, scope: &'a SecretScope) -> BoxFuture<'a, Result<(), SecretError>>;
}
