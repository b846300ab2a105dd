//! The valve of one loaded generation of a capsule: nothing reaches its routes before it opens.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::route::Route;

const CLOSED: u8 = 0;
const OPEN: u8 = 1;
const RETIRED: u8 = 2;

/// Shared by all subscriptions and bindings of one generation. Events that meet a closed gate are
/// refused, not buffered and not counted. A clone is the same gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: AtomicU8,
    routes: Mutex<HashMap<u64, Weak<Route>>>,
}

impl Gate {
    /// A closed gate, for a generation that is being staged.
    #[must_use]
    pub fn closed() -> Self {
        Self::default()
    }

    /// An open gate.
    #[must_use]
    pub fn opened() -> Self {
        let gate = Self::default();
        gate.open();
        gate
    }

    /// Lets later publications in. A retired gate stays retired. To exchange two generations without
    /// losing or doubling an event, use [`crate::Bus::exchange`].
    pub fn open(&self) {
        self.shift(CLOSED, OPEN);
    }

    /// Refuses later publications; what is queued can still be drained.
    pub fn close(&self) {
        self.shift(OPEN, CLOSED);
    }

    /// Ends the generation: nothing is admitted any more, and every drain of its subscriptions
    /// reports that they are closed. Waiters wake.
    pub fn retire(&self) {
        self.0.state.store(RETIRED, Ordering::Release);
        let routes: Vec<_> = self.0.routes.lock().values().filter_map(Weak::upgrade).collect();
        for route in routes {
            route.mailbox.retire();
        }
    }

    /// True while publications are admitted.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == OPEN
    }

    /// True once the generation ended.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == RETIRED
    }

    fn shift(&self, from: u8, to: u8) {
        // A failed exchange means the gate already is there, or is retired.
        let _ = self.0.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(crate) fn enrol(&self, route: &Arc<Route>) {
        self.0.routes.lock().insert(route.number, Arc::downgrade(route));
        // A retirement that ran between the two would have missed this route.
        if self.is_retired() {
            route.mailbox.retire();
        }
    }

    pub(crate) fn leave(&self, number: u64) {
        self.0.routes.lock().remove(&number);
    }
}
