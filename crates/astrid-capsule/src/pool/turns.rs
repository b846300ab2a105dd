//! One call at a time for each principal.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// The turn of each principal that has or awaits one. Whoever holds a permit of it is the only one.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<Option<Principal>, Weak<Semaphore>>>);

impl Turns {
    pub(super) fn of(&self, tag: Option<&Principal>) -> Arc<Semaphore> {
        let mut turns = self.0.lock();
        if let Some(turn) = turns.get(&tag.cloned()).and_then(Weak::upgrade) {
            return turn;
        }
        // Amortised: the map doubles before it is swept again.
        if turns.len() == turns.capacity() {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::new(Semaphore::new(1));
        turns.insert(tag.cloned(), Arc::downgrade(&turn));
        turn
    }

    /// Wakes whoever waits for a turn.
    pub(super) fn close(&self) {
        self.0.lock().values().filter_map(Weak::upgrade).for_each(|turn| turn.close());
    }
}
