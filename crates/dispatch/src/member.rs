//! One loaded capsule: its target, its permits and its queues.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::{Principal, Uuid};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::core::Core;
use crate::lane::Lane;
use crate::limits::QUEUE_IDLE;
use crate::permits::Turnstile;
use crate::target::Target;

/// The shared queue is warned of at most this often.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// A queue that somebody holds without using it is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Which queue of a capsule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// One principal's; `None` is for events without a principal.
    Own(Option<Principal>),
    /// That of all principals beyond the cap.
    Shared,
}

pub(crate) struct Member {
    pub(crate) uuid: Uuid,
    pub(crate) target: Arc<dyn Target>,
    pub(crate) permits: Arc<Turnstile>,
    lanes: Mutex<Lanes>,
}

#[derive(Default)]
struct Lanes {
    own: HashMap<Option<Principal>, Arc<Lane>>,
    shared: Option<Arc<Lane>>,
    closed: bool,
    warned: Option<Instant>,
}

impl Member {
    pub(crate) fn new(uuid: Uuid, target: Arc<dyn Target>) -> Arc<Self> {
        let permits = Arc::new(Turnstile::new(target.permits()));
        Arc::new(Self { uuid, target, permits, lanes: Mutex::default() })
    }

    /// The queue for `who`, made on demand; `None` once the capsule is unloading.
    pub(crate) fn lane(self: &Arc<Self>, core: &Arc<Core>, who: Option<&Principal>) -> Option<Arc<Lane>> {
        let mut lanes = self.lanes.lock();
        if lanes.closed {
            return None;
        }
        let who = who.cloned();
        if let Some(lane) = lanes.own.get(&who) {
            return Some(lane.clone());
        }
        // The shared queue is one of them.
        if lanes.own.len() + 1 < core.max_queues {
            let lane = Arc::new(Lane::new(core, core.next_lane()));
            lanes.own.insert(who.clone(), lane.clone());
            core.janitor.expect(core, self, &lane, Key::Own(who));
            return Some(lane);
        }
        let now = Instant::now();
        if lanes.warned.is_none_or(|at| now.saturating_duration_since(at) >= WARN_EVERY) {
            lanes.warned = Some(now);
            tracing::warn!(
                target: "astrid.security",
                capsule = %self.target.capsule(),
                queues = core.max_queues,
                "more principals than queues: further ones share one"
            );
        }
        if let Some(lane) = &lanes.shared {
            return Some(lane.clone());
        }
        let lane = Arc::new(Lane::new(core, core.next_lane()));
        lanes.shared = Some(lane.clone());
        core.janitor.expect(core, self, &lane, Key::Shared);
        Some(lane)
    }

    /// The queue whose handler publishes as `who`, if one runs.
    pub(crate) fn working_lane(&self, who: Option<&Principal>) -> Option<u64> {
        let lanes = self.lanes.lock();
        let lane = lanes.own.get(&who.cloned()).or(lanes.shared.as_ref())?;
        lane.is_working().then_some(lane.id)
    }

    /// Forgets a queue that was idle for long enough; else says when to look again. Under the lock
    /// nobody else can take a queue out, so one that only the map holds has nothing to lose.
    pub(crate) fn evict(&self, key: &Key) -> Option<Instant> {
        let mut lanes = self.lanes.lock();
        let lane = match key {
            Key::Own(who) => lanes.own.get(who),
            Key::Shared => lanes.shared.as_ref(),
        }?;
        let now = Instant::now();
        let Some(idle_since) = lane.idle_since() else { return Some(now + QUEUE_IDLE) };
        let over = idle_since + QUEUE_IDLE;
        if now < over {
            return Some(over);
        }
        if Arc::strong_count(lane) > 1 {
            return Some(now + LOOK_AGAIN);
        }
        match key {
            Key::Own(who) => drop(lanes.own.remove(who)),
            Key::Shared => lanes.shared = None,
        }
        if lanes.own.is_empty() {
            // A crowd that left leaves no empty table behind.
            lanes.own = HashMap::new();
        }
        None
    }

    /// Refuses what comes, and returns the queues for their contents to be discarded.
    pub(crate) fn close(&self) -> Vec<Arc<Lane>> {
        let mut lanes = self.lanes.lock();
        lanes.closed = true;
        let own = std::mem::take(&mut lanes.own);
        own.into_values().chain(lanes.shared.take()).collect()
    }

    /// Takes out one principal's own queue.
    pub(crate) fn take(&self, who: &Principal) -> Option<Arc<Lane>> {
        self.lanes.lock().own.remove(&Some(who.clone()))
    }

    /// True while nothing waits, runs or has a place reserved.
    pub(crate) fn is_idle(&self) -> bool {
        let lanes = self.lanes.lock();
        lanes.own.values().chain(&lanes.shared).all(|lane| lane.idle_since().is_some())
    }

    /// How many queues there are, and how many events wait in them.
    pub(crate) fn size(&self) -> (usize, usize) {
        let lanes = self.lanes.lock();
        let all = lanes.own.values().chain(&lanes.shared);
        all.fold((0, 0), |(queues, events), lane| (queues + 1, events + lane.len()))
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("capsule", self.target.capsule()).finish_non_exhaustive()
    }
}
