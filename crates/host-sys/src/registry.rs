//! What capsules are loaded and what they may do, as one capsule may ask of another.

use astrid_host_context::{Principal, Uuid};

/// The registry is shutting down, or not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the capsule registry does not answer")]
pub struct RegistryUnavailable;

/// Answers from a snapshot. Called on a runtime worker: it must not wait, not even for a writer of
/// its own; an older snapshot is a right answer.
pub trait Registry: Send + Sync {
    /// Whether the loaded capsule with this session id holds `capability`, as far as `viewer` may see
    /// it. A capsule that is unknown or hidden holds nothing: every doubt is false.
    ///
    /// # Errors
    /// [`RegistryUnavailable`].
    fn holds(
        &self,
        viewer: Option<&Principal>,
        capsule: Uuid,
        capability: &str,
    ) -> Result<bool, RegistryUnavailable>;
}
