//! `process-handle`, one Rust type for every WIT version.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use astrid_host_context::{Permit, Principal};
use astrid_host_io::{Readiness, ReadyState};

use crate::Error;
use crate::child::{Child, Reason};
use crate::registry::Kept;

/// A guest's hold on a child. One from `spawn-background` owns it and kills it when dropped, one from `attach`
/// does not.
pub struct ProcessHandle {
    /// For whom it was made.
    pub(crate) principal: Option<Principal>,
    pub(crate) hold: Hold,
    /// Shared with its pollables, false once it was dropped.
    open: Arc<AtomicBool>,
}

pub(crate) enum Hold {
    /// `None` only where somebody else ends it.
    Owned(Option<Arc<Child>>),
    Attached(Weak<Kept>, #[expect(dead_code, reason = "held until the handle is dropped")] Permit),
}

/// A child that a call may use, and its entry if it is reached by an attached handle.
#[derive(Clone)]
pub(crate) struct Reached {
    pub(crate) child: Arc<Child>,
    pub(crate) kept: Option<Arc<Kept>>,
}

impl ProcessHandle {
    pub(crate) fn new(principal: Option<Principal>, hold: Hold) -> Self {
        Self { principal, hold, open: Arc::new(AtomicBool::new(true)) }
    }

    /// The child, unless its id was removed.
    pub(crate) fn reach(&self) -> Result<Reached, Error> {
        match &self.hold {
            Hold::Owned(child) => Ok(Reached { child: child.clone().ok_or(Error::Closed)?, kept: None }),
            Hold::Attached(kept, _) => {
                let kept = kept.upgrade().filter(|kept| !kept.is_removed()).ok_or(Error::Closed)?;
                Ok(Reached { child: kept.child.clone(), kept: Some(kept) })
            }
        }
    }

    /// A source for a pollable; gone at once where there is nothing to wait for.
    pub(crate) fn source(&self, condition: Condition, reached: Option<&Reached>) -> Source {
        let kept = reached.and_then(|reached| reached.kept.as_ref()).map(Arc::downgrade);
        let child = reached.map(|reached| Arc::downgrade(&reached.child)).unwrap_or_default();
        Source { child, kept, open: self.open.clone(), condition }
    }

    /// Lets go of the child without ending it: somebody else will.
    pub(crate) fn release(&mut self) -> Option<Arc<Child>> {
        match &mut self.hold {
            Hold::Owned(child) => child.take(),
            Hold::Attached(..) => None,
        }
    }

    fn child(&self) -> Option<Arc<Child>> {
        match &self.hold {
            Hold::Owned(child) => child.clone(),
            Hold::Attached(kept, _) => kept.upgrade().map(|kept| kept.child.clone()),
        }
    }
}

impl Drop for ProcessHandle {
    fn drop(&mut self) {
        self.open.store(false, Ordering::Release);
        if let Some(child) = self.child() {
            child.waiters.wake();
        }
        if let Hold::Owned(Some(child)) = &self.hold {
            child.kill(Reason::Killed);
        }
    }
}

impl fmt::Debug for ProcessHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owned = matches!(self.hold, Hold::Owned(_));
        f.debug_struct("ProcessHandle").field("owned", &owned).finish_non_exhaustive()
    }
}

/// What a pollable waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Exit,
    Logs,
}

/// A condition of a child, as long as the handle that it was asked of is there.
pub(crate) struct Source {
    child: Weak<Child>,
    kept: Option<Weak<Kept>>,
    open: Arc<AtomicBool>,
    condition: Condition,
}

impl Readiness for Source {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        let Some(child) = self.child.upgrade() else { return Poll::Ready(ReadyState::Gone) };
        // Before the looks, so that nothing between them is missed.
        child.waiters.keep(cx);
        let removed = |kept: &Weak<Kept>| kept.upgrade().is_none_or(|kept| kept.is_removed());
        if !self.open.load(Ordering::Acquire) || self.kept.as_ref().is_some_and(removed) {
            return Poll::Ready(ReadyState::Gone);
        }
        let ready = child.ended().is_some() || (self.condition == Condition::Logs && child.has_logs());
        if ready { Poll::Ready(ReadyState::Ready) } else { Poll::Pending }
    }
}
