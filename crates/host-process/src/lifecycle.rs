//! What the host tells about a child that somebody watches.

use astrid_host_context::{CapsuleId, Principal, Uuid};

/// An event for the capsule that watches a child, and for nobody else: a kernel publishes it as its own
/// message, for this principal, to this capsule's subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleEvent {
    /// Whom the child was started for.
    pub principal: Option<Principal>,
    /// The capsule that started it.
    pub capsule: CapsuleId,
    /// Its session id.
    pub capsule_uuid: Uuid,
    /// `astrid.process.v1.`, then `exited`, `log-ready` or `stdin-drained`, then the watcher's suffix.
    pub topic: String,
    /// A JSON object.
    pub payload: String,
}

/// The bus, as this package needs it. Called on runtime workers and under no lock; never waits.
pub trait Lifecycle: Send + Sync {
    /// Publishes an event.
    fn publish(&self, event: LifecycleEvent);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLifecycle;

impl Lifecycle for NoLifecycle {
    fn publish(&self, _: LifecycleEvent) {}
}
