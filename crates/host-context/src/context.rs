//! What a domain crate asks of its embedder.

use wasmtime::component::ResourceTable;

use crate::{CallSlot, Entry, HostServices, Op, Subject};

/// Implemented by the embedder's store data; everything a domain view is built on.
pub trait HostContext: Send + 'static {
    /// The call in force, the shared services and the store's resource table, borrowed side by side.
    fn host(&mut self) -> HostCx<'_>;
}

/// Disjoint borrows of what all domains share.
#[derive(Debug)]
pub struct HostCx<'a> {
    /// The call in force. It reads as a [`crate::CallContext`]; only `recv` of a run loop exchanges it.
    pub call: &'a mut CallSlot,
    /// Policy, quota and audit.
    pub services: &'a HostServices,
    /// The store's resources.
    pub table: &'a mut ResourceTable,
}

impl HostCx<'_> {
    /// Begins the envelope of one host function. Everything the function does happens inside
    /// [`Entry::run`] or one of its siblings.
    #[must_use]
    pub fn enter(&self, op: &'static Op) -> Entry {
        Entry::new(self.call, self.services, op)
    }

    /// Whom a resource that outlives the call is charged to.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject { principal: self.call.principal(), capsule: self.call.capsule() }
    }
}
