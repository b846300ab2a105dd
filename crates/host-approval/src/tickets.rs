//! Who a question was put for, so that an answer that comes too late is remembered for nobody.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use astrid_host_context::Principal;
use parking_lot::Mutex;

/// What ended while a question waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ended {
    Nothing,
    /// The principal's session.
    Session,
    /// The principal.
    Principal,
}

#[derive(Debug, Default)]
struct Open {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, (Principal, Ended)>>,
}

/// The questions that wait. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tickets(Arc<Open>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    open: Tickets,
    number: u64,
}

impl Tickets {
    pub(crate) fn open(&self, who: &Principal) -> Ticket {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.0.waiting.lock().insert(number, (who.clone(), Ended::Nothing));
        Ticket { open: self.clone(), number }
    }

    pub(crate) fn end(&self, who: &Principal, what: Ended) {
        for (of, ended) in self.0.waiting.lock().values_mut() {
            if of == who {
                *ended = what.max(*ended);
            }
        }
    }
}

impl Ticket {
    pub(crate) fn ended(&self) -> Ended {
        self.open.0.waiting.lock().get(&self.number).map_or(Ended::Principal, |(_, ended)| *ended)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.open.0.waiting.lock().remove(&self.number);
    }
}
