//! What loading a capsule cost.

use std::time::Duration;

use crate::Origin;

/// One load, phase by phase.
#[derive(Debug, Clone, Default)]
pub struct Timings {
    /// Reading and hashing manifest and component.
    pub read: Duration,
    /// Getting native code.
    pub compile: Duration,
    /// Where the native code came from; `None` for a capsule without a component.
    pub origin: Option<Origin>,
    /// Resolving imports.
    pub link: Duration,
    /// Making the first instance, where the load makes one.
    pub instantiate: Duration,
    /// Everything, from `load` to ready.
    pub total: Duration,
}
