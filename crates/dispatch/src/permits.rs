//! Who may execute: so many of one capsule, so many for one principal.

use std::collections::HashMap;
use std::sync::Arc;

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A fair gate that lets so many in at once, a number that may change.
#[derive(Debug)]
pub(crate) struct Turnstile {
    semaphore: Arc<Semaphore>,
    most: Mutex<usize>,
}

impl Turnstile {
    pub(crate) fn new(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self { semaphore: Arc::new(Semaphore::new(most)), most: Mutex::new(most) }
    }

    /// Lets in more from now on, or fewer once enough have left.
    fn resize(&self, most: usize) {
        let wanted = most.clamp(1, Semaphore::MAX_PERMITS);
        let mut most = self.most.lock();
        if wanted > *most {
            self.semaphore.add_permits(wanted - *most);
            *most = wanted;
        } else if wanted < *most {
            // Those inside stay; what could not be taken now is taken at a later call.
            *most -= self.semaphore.forget_permits(*most - wanted);
        }
    }

    async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        match self.semaphore.clone().try_acquire_owned() {
            Ok(permit) => Some(permit),
            // Nobody closes it, so a wait ends with a permit.
            Err(_) => self.semaphore.clone().acquire_owned().await.ok(),
        }
    }
}

/// The principals' gates; one exists while somebody is in it or before it.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<HashMap<Principal, Arc<Turnstile>>>);

impl InFlight {
    fn gate(&self, who: &Principal, most: usize) -> Arc<Turnstile> {
        let mut gates = self.0.lock();
        match gates.get(who) {
            Some(gate) => {
                gate.resize(most);
                gate.clone()
            }
            None => {
                let gate = Arc::new(Turnstile::new(most));
                gates.insert(who.clone(), gate.clone());
                gate
            }
        }
    }

    fn left(&self, who: &Principal) {
        let mut gates = self.0.lock();
        // Others can only take it out under this lock.
        if gates.get(who).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            gates.remove(who);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

/// Where a call gets its permits from, each time it needs them.
pub(crate) struct Desk {
    pub(crate) capsule: Arc<Turnstile>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) who: Option<Principal>,
    pub(crate) most: usize,
}

/// The permits of one executing call.
pub(crate) struct Passes {
    _capsule: Option<OwnedSemaphorePermit>,
    _principal: Option<Personal>,
}

struct Personal {
    // Before the gate's other reference is let go of, so that the gate is seen empty.
    permit: Option<OwnedSemaphorePermit>,
    gate: Option<Arc<Turnstile>>,
    in_flight: Arc<InFlight>,
    who: Principal,
}

impl Desk {
    /// Waits for both permits. The principal's comes first: whoever waits for it holds nothing that
    /// another principal's call could need.
    pub(crate) async fn enter(&self) -> Passes {
        let principal = match &self.who {
            Some(who) => {
                let gate = self.in_flight.gate(who, self.most);
                let mut personal = Personal {
                    permit: None,
                    gate: Some(gate.clone()),
                    in_flight: self.in_flight.clone(),
                    who: who.clone(),
                };
                personal.permit = gate.enter().await;
                Some(personal)
            }
            None => None,
        };
        Passes { _capsule: self.capsule.enter().await, _principal: principal }
    }
}

impl Drop for Personal {
    fn drop(&mut self) {
        drop(self.permit.take());
        drop(self.gate.take());
        self.in_flight.left(&self.who);
    }
}
