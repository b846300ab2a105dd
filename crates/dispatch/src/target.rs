//! What handles events: the seam to whoever runs guests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use astrid_event_bus::Topic;
use astrid_host_context::{Caller, CapsuleId, Principal};
use bytes::Bytes;

/// A future that object-safe traits return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One call of one handler.
#[derive(Debug, Clone)]
pub struct Call {
    /// The handler's name, from the binding.
    pub action: Arc<str>,
    /// The event's JSON, or what earlier handlers of a chain made of it.
    pub payload: Bytes,
    /// The message being served; its trail is entered.
    pub caller: Caller,
    /// Whose authority the handler gets; `None` is the capsule's owner.
    pub authority: Option<Principal>,
}

/// What a handler said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The next handler runs; non-empty bytes replace the payload for it.
    Continue(Bytes),
    /// The chain ends in success.
    Final(Bytes),
    /// The chain ends refused. A guest that failed in the middle counts as refusing, so that what it
    /// guards does not go ahead because the guard crashed.
    Deny(String),
    /// There was nobody to ask; the chain goes on without it.
    Skipped(String),
}

/// A loaded capsule as the dispatcher sees it. One value a generation.
pub trait Target: Send + Sync + 'static {
    /// Its id.
    fn capsule(&self) -> &CapsuleId;

    /// Whose authority a call without a principal has, and who is charged for it.
    fn owner(&self) -> Option<&Principal>;

    /// Whether it may publish on `topic`, which triggering a hook of that name takes.
    fn may_publish(&self, topic: &Topic) -> bool;

    /// Whether events of `who`, or of nobody, are for this generation at all, where several builds of
    /// one capsule are loaded. An implementation does no I/O.
    fn serves(&self, who: Option<&Principal>) -> bool {
        let _ = who;
        true
    }

    /// Handlers of it that may execute at once, host waits over 50 ms not counted; 0 means 1.
    fn permits(&self) -> usize {
        crate::limits::PERMITS
    }

    /// Runs a handler. Reports with [`crate::guest_entered`] and [`crate::guest_left`] when
    /// guest code runs; what never does is taken to wait from the start.
    fn handle(&self, call: Call) -> BoxFuture<'_, Answer>;
}
