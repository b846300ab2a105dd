//! All queues, by (capsule, principal).

use std::collections::HashMap;
use std::sync::Arc;

use astrid_host_context::Principal;
use parking_lot::Mutex;
use uuid::Uuid;

use super::lane::Lane;

/// Which queue: the capsule's session id and whose event it is; `None` is the owner's, for events
/// without a principal.
pub(super) type LaneKey = (Uuid, Option<Principal>);

/// Idle queues are looked for when this many exist, and then whenever their number doubled.
const SWEEP_FROM: usize = 256;

#[derive(Default)]
pub(super) struct Lanes(Mutex<Map>);

struct Map {
    lanes: HashMap<LaneKey, Arc<Lane>>,
    sweep_at: usize,
}

impl Default for Map {
    fn default() -> Self {
        Self { lanes: HashMap::new(), sweep_at: SWEEP_FROM }
    }
}

impl Lanes {
    /// The queue of `key`, made on demand.
    pub(super) fn get(&self, key: LaneKey) -> Arc<Lane> {
        let mut map = self.0.lock();
        if map.lanes.len() >= map.sweep_at {
            // Under the map's lock nobody else can take a lane out, so one that is idle and held by
            // nobody but the map has nothing to lose.
            map.lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || !lane.is_idle());
            map.sweep_at = (map.lanes.len() * 2).max(SWEEP_FROM);
        }
        map.lanes.entry(key).or_insert_with(|| Arc::new(Lane::new())).clone()
    }

    /// Forgets the queues of a capsule that is gone, and what waits in them.
    pub(super) fn remove_capsule(&self, capsule: Uuid) {
        let gone: Vec<_> = {
            let mut map = self.0.lock();
            let keys: Vec<_> = map.lanes.keys().filter(|(of, _)| *of == capsule).cloned().collect();
            keys.iter().filter_map(|key| map.lanes.remove(key)).collect()
        };
        gone.iter().for_each(|lane| lane.clear());
    }

    /// True while no queue of a capsule holds anything.
    pub(super) fn is_idle(&self, capsule: Uuid) -> bool {
        self.0.lock().lanes.iter().filter(|((of, _), _)| *of == capsule).all(|(_, lane)| lane.is_idle())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().lanes.len()
    }
}
