//! Forgets queues that nobody used for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::core::Core;
use crate::lane::Lane;
use crate::limits::QUEUE_IDLE;
use crate::member::{Key, Member};

/// Every queue once, by the time it is to be looked at. Its task exists while there are queues.
#[derive(Debug, Default)]
pub(crate) struct Janitor(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    visits: BTreeMap<(Instant, u64), (Weak<Member>, Key)>,
    at_work: bool,
}

impl Janitor {
    /// Looks at a new queue once it could have been idle for long enough.
    pub(crate) fn expect(&self, core: &Arc<Core>, member: &Arc<Member>, lane: &Lane, key: Key) {
        let mut state = self.0.lock();
        state.visits.insert((Instant::now() + QUEUE_IDLE, lane.id), (Arc::downgrade(member), key));
        if !std::mem::replace(&mut state.at_work, true) {
            core.spawn(work(Arc::downgrade(core)));
        }
    }

    /// Makes the visits that are due; when the next one is.
    fn round(&self) -> Option<Instant> {
        loop {
            let (lane, member, key) = {
                let mut state = self.0.lock();
                let Some((&(at, lane), _)) = state.visits.first_key_value() else {
                    state.at_work = false;
                    return None;
                };
                if at > Instant::now() {
                    return Some(at);
                }
                let Some((_, (member, key))) = state.visits.pop_first() else { continue };
                (lane, member, key)
            };
            // Not under the lock: new queues are announced while their capsule's is held.
            let again = member.upgrade().and_then(|member| member.evict(&key));
            if let Some(at) = again {
                self.0.lock().visits.insert((at, lane), (member, key));
            }
        }
    }
}

async fn work(core: Weak<Core>) {
    loop {
        let next = core.upgrade().and_then(|core| core.janitor.round());
        match next {
            Some(at) => tokio::time::sleep_until(at).await,
            None => return,
        }
    }
}
