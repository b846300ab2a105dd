//! Everything that was started or is about to be: what a cancellation, a retirement or the host's end reaches.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use astrid_host_context::{Cancellation, Permit, Principal, Standing, Uuid};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Error;
use crate::child::{Child, Reason};
use crate::owner::Owner;

#[derive(Default)]
pub(crate) struct Roll {
    state: Mutex<State>,
    /// Somebody left.
    left: Notify,
}

#[derive(Default)]
struct State {
    live: HashMap<u64, Arc<Live>>,
    next: u64,
    closed: bool,
}

/// A start and what came of it.
pub(crate) struct Live {
    principal: Option<Principal>,
    capsule_uuid: Uuid,
    /// Of the invocation, for calls that a tool's cancellation reaches; `None` for other tiers.
    tool: Option<Tool>,
    /// Cancelled by a tool's cancellation, retired when everything is over at once.
    pub(crate) stop: Cancellation,
    child: Mutex<Option<Weak<Child>>>,
}

/// A run of `spawn`, and the call id of its invocation, if that has one.
pub(crate) struct Tool(pub(crate) Option<Arc<str>>);

/// A place in the roll, given back when dropped.
pub(crate) struct Enrolled {
    roll: Arc<Roll>,
    number: u64,
    live: Arc<Live>,
}

/// What a child holds of the host: its place and its budgets.
#[expect(dead_code, reason = "held, and dropped together")]
pub(crate) struct Slot(pub(crate) Enrolled, pub(crate) Vec<Permit>);

impl Roll {
    pub(crate) fn enrol(self: &Arc<Self>, owner: &Owner, tool: Option<Tool>) -> Result<Enrolled, Error> {
        let live = Arc::new(Live {
            principal: owner.principal.clone(),
            capsule_uuid: owner.capsule_uuid,
            tool,
            stop: Cancellation::new(),
            child: Mutex::new(None),
        });
        let mut state = self.state.lock();
        if state.closed {
            return Err(Error::Stopped);
        }
        let number = state.next;
        state.next += 1;
        state.live.insert(number, live.clone());
        Ok(Enrolled { roll: self.clone(), number, live })
    }

    /// Nobody is enrolled any more.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
    }

    /// Those that `which` is true of. What is done to them is done without the lock.
    pub(crate) fn select(&self, which: impl Fn(&Live) -> bool) -> Vec<Arc<Live>> {
        self.state.lock().live.values().filter(|live| which(live)).cloned().collect()
    }

    /// Waits until nobody is left.
    pub(crate) async fn empty(&self) {
        loop {
            let left = self.left.notified();
            if self.state.lock().live.is_empty() {
                return;
            }
            left.await;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.state.lock().live.len()
    }
}

impl Live {
    pub(crate) fn is_of(&self, principal: &Principal) -> bool {
        self.principal.as_ref() == Some(principal)
    }

    pub(crate) fn is_of_load(&self, capsule: Uuid) -> bool {
        self.capsule_uuid == capsule
    }

    /// Whether a tool's cancellation of these calls means it. A run that nobody gave an id is meant by any.
    pub(crate) fn is_called(&self, call_ids: &[String]) -> bool {
        let listed = |id: &Arc<str>| call_ids.iter().any(|listed| **listed == **id);
        self.tool.as_ref().is_some_and(|Tool(id)| id.as_ref().is_none_or(listed))
    }

    /// From here on it is ended by ending the child; whoever wanted to before is obeyed now.
    pub(crate) fn became(&self, child: &Arc<Child>) {
        *self.child.lock() = Some(Arc::downgrade(child));
        if self.stop.standing() != Standing::Live {
            child.kill(Reason::Killed);
        }
    }

    pub(crate) fn child(&self) -> Option<Arc<Child>> {
        self.child.lock().as_ref()?.upgrade()
    }
}

impl Enrolled {
    pub(crate) fn stop(&self) -> &Cancellation {
        &self.live.stop
    }

    /// The entry itself, to which the child is added once there is one.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.clone()
    }
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        self.roll.state.lock().live.remove(&self.number);
        self.roll.left.notify_waiters();
    }
}
