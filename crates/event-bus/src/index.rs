//! Who asked for a topic: one hash probe and one walk down a trie, never a scan of all routes.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use parking_lot::RwLock;
use smallvec::SmallVec;

use crate::route::Route;
use crate::trie::{Rule, Trie};

/// Reply topics come and go with every request; spreading them keeps writers out of readers' way.
const SHARDS: usize = 64;

/// Most topics have a handful of subscribers; more spill to the heap.
pub(crate) type Found = SmallVec<[Arc<Route>; 8]>;

type Shard = RwLock<HashMap<Arc<str>, SmallVec<[Arc<Route>; 1]>>>;

#[derive(Debug)]
pub(crate) struct Index {
    hasher: RandomState,
    exact: Vec<Shard>,
    below: RwLock<Trie<Arc<Route>>>,
}

impl Index {
    pub(crate) fn new() -> Self {
        let exact = std::iter::repeat_with(Shard::default).take(SHARDS).collect();
        Self { hasher: RandomState::new(), exact, below: RwLock::default() }
    }

    pub(crate) fn insert(&self, route: &Arc<Route>) {
        let pattern = route.pattern.as_str();
        if route.pattern.is_exact() {
            if let Some(shard) = self.shard(pattern) {
                shard.write().entry(pattern.into()).or_default().push(route.clone());
            }
        } else {
            self.below.write().insert(pattern, Rule::Subtree, route.clone());
        }
    }

    pub(crate) fn remove(&self, route: &Route) {
        let pattern = route.pattern.as_str();
        if !route.pattern.is_exact() {
            self.below.write().remove(pattern, Rule::Subtree, |r| r.number == route.number);
            return;
        }
        let Some(shard) = self.shard(pattern) else { return };
        let mut shard = shard.write();
        if let Some(routes) = shard.get_mut(pattern) {
            routes.retain(|r| r.number != route.number);
            if routes.is_empty() {
                shard.remove(pattern);
            }
        }
    }

    /// The routes whose pattern matches `topic` and which `wanted` keeps, in no order.
    pub(crate) fn find(&self, topic: &str, wanted: impl Fn(&Route) -> bool) -> Found {
        let mut found = Found::new();
        let mut keep = |route: &Arc<Route>| {
            if wanted(route) {
                found.push(route.clone());
            }
        };
        if let Some(shard) = self.shard(topic)
            && let Some(routes) = shard.read().get(topic)
        {
            routes.iter().for_each(&mut keep);
        }
        self.below.read().visit(topic, keep);
        found
    }

    /// Every route, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Route>> {
        let mut all = Vec::new();
        for shard in &self.exact {
            all.extend(shard.read().values().flatten().cloned());
        }
        self.below.read().each(|route| all.push(route.clone()));
        all
    }

    fn shard(&self, topic: &str) -> Option<&Shard> {
        let shard = self.hasher.hash_one(topic) % u64::try_from(SHARDS).unwrap_or(1);
        self.exact.get(usize::try_from(shard).unwrap_or(0))
    }

    /// True when nothing is subscribed at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.below.read().is_empty() && self.exact.iter().all(|shard| shard.read().is_empty())
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
