//! Which uplink brought in what is being served: whoever wrote there has no connection of its own to be
//! asked on.

use std::collections::{HashMap, VecDeque};

use astrid_host_context::Uuid;
use parking_lot::Mutex;

/// Turns remembered at once: a prompt is open for a minute, and a capsule brings in a hundred messages a
/// second at most.
const MAX_TURNS: usize = 8_192;

/// Request owners that the host made for messages of uplinks, with the capsule that brought each in.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    of: HashMap<Uuid, Uuid>,
    /// Oldest first.
    order: VecDeque<Uuid>,
}

impl Turns {
    pub(crate) fn begin(&self, owner: Uuid, capsule: Uuid) {
        let mut state = self.0.lock();
        if state.of.insert(owner, capsule).is_none() {
            state.order.push_back(owner);
        }
        while state.order.len() > MAX_TURNS {
            if let Some(oldest) = state.order.pop_front() {
                state.of.remove(&oldest);
            }
        }
    }

    /// The session id of the capsule whose turn it is.
    pub(crate) fn capsule(&self, owner: Uuid) -> Option<Uuid> {
        self.0.lock().of.get(&owner).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_turns_are_forgotten_first() {
        let turns = Turns::default();
        for n in 0..=MAX_TURNS {
            turns.begin(Uuid::from_u128(n as u128), Uuid::nil());
        }
        assert_eq!(turns.capsule(Uuid::from_u128(0)), None);
        assert_eq!(turns.capsule(Uuid::from_u128(1)), Some(Uuid::nil()));
        assert_eq!(turns.0.lock().of.len(), MAX_TURNS);
    }
}
