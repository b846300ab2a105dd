//! The seam to the dispatcher, which runs handlers. The bus finds bindings, holds their order and the
//! all-or-nothing of a publish; the dispatcher owns the handlers' queues.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use astrid_host_context::{CapsuleId, Uuid};

use crate::gate::Gate;
use crate::{AccessPattern, Draft, Message};

/// A manifest's `[subscribe]` entry with a handler, live for one generation. Matched by equal count.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Which topics.
    pub pattern: AccessPattern,
    /// The capsule that handles.
    pub capsule: CapsuleId,
    /// Its session id, so that the dispatcher can tell generations apart.
    pub capsule_uuid: Uuid,
    /// The handler's name.
    pub action: Arc<str>,
    /// Lower runs first; 100 where the manifest says nothing.
    pub priority: u32,
    /// The generation's gate.
    pub gate: Gate,
}

impl Binding {
    /// What handlers of one event are ordered by: priority, then capsule, then action.
    #[must_use]
    pub fn order(&self) -> (u32, &CapsuleId, &str) {
        (self.priority, &self.capsule, &self.action)
    }
}

/// A place in a handler's queue, held between reservation and hand-over. Dropping it gives it back.
pub struct Slot(Box<dyn Any + Send>);

impl Slot {
    /// A place whose `guard` gives it back in its own `Drop`.
    pub fn new(guard: impl Any + Send) -> Self {
        Self(Box::new(guard))
    }

    /// The dispatcher's own guard again, if it is one of type `G`.
    #[must_use]
    pub fn into_inner<G: Any>(self) -> Option<G> {
        self.0.downcast().ok().map(|guard| *guard)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

/// Why there is no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSlot {
    /// The queue is full.
    Full,
    /// The target is no target (any more): its generation retired, or the message is not for it.
    Gone,
    /// Waiting would close a circle of publishers that wait on each other.
    Cycle,
    /// The message's principal may not invoke this capsule.
    Refused,
    /// The publication had more targets than [`crate::MAX_FAN_OUT`]; never an answer of a sink.
    Capped,
}

/// A reserved place and what it is for.
#[derive(Debug)]
pub struct Assignment {
    /// The handler.
    pub binding: Arc<Binding>,
    /// Its place.
    pub slot: Slot,
}

/// What became of one publication, for the dispatcher.
#[derive(Debug)]
pub struct HandOver {
    /// The handlers that have a place, ordered by priority, capsule and action.
    pub work: Vec<Assignment>,
    /// Handlers the publication did not reach: no access, the fan-out cap, or a host's own message
    /// that found the queue full. [`NoSlot::Gone`] is never among them.
    pub unreached: Vec<(Arc<Binding>, NoSlot)>,
    /// Subscriptions that took the message.
    pub delivered: usize,
}

/// The result of a wait for a slot.
pub type Reserving<'a> = Pin<Box<dyn Future<Output = Result<Slot, NoSlot>> + Send + 'a>>;

/// Implemented by the dispatcher. No method blocks; all but [`InterceptorSink::reserve`] return at once.
pub trait InterceptorSink: Send + Sync {
    /// Takes a slot if one is free.
    ///
    /// # Errors
    /// [`NoSlot::Full`], [`NoSlot::Gone`] or [`NoSlot::Refused`].
    fn try_reserve(&self, draft: &Draft, binding: &Arc<Binding>) -> Result<Slot, NoSlot>;

    /// Waits for a slot. The bus ends the wait by dropping the future. `draft` says who waits: its
    /// source and its lane are the queue whose handler is publishing.
    ///
    /// # Errors
    /// [`NoSlot::Gone`] once the target retires, [`NoSlot::Cycle`] at once.
    fn reserve<'a>(&'a self, draft: &'a Draft, binding: &'a Arc<Binding>) -> Reserving<'a>;

    /// Takes over what a publication means to handlers, also when none is bound. Called in the bus's
    /// order for each principal, before anybody is woken, and while that order is held: it must not
    /// publish or exchange gates itself.
    fn hand_over(&self, message: &Message, what: HandOver);
}
