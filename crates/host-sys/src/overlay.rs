//! Values an operator set for one principal and capsule.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use astrid_host_context::Scope;

use crate::BoxFuture;

/// Answers for one principal before the capsule's own configuration does. Asked at each call, on a
/// runtime worker: [`EnvOverlay::get`] must not wait or do I/O.
pub trait EnvOverlay: Send + Sync {
    /// The value set for `key`, if one is.
    fn get(&self, scope: &Scope, key: &str) -> Option<String>;

    /// Called before the first [`EnvOverlay::get`] of an invocation, for an implementation whose values come
    /// from elsewhere: what is written there counts from the next invocation on. The future may wait for
    /// a disk, on another thread. Default: there is nothing to bring up to date.
    fn refresh<'a>(&'a self, scope: &'a Scope) -> Option<BoxFuture<'a, ()>> {
        let _ = scope;
        None
    }
}

type Values = HashMap<String, String>;

/// Overlays in memory. Readers take no lock; a write swaps the map, and the next call sees it.
#[derive(Debug, Default)]
pub struct Overlays(ArcSwap<HashMap<Scope, Arc<Values>>>);

impl Overlays {
    /// No overlay at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces all values of one principal and capsule.
    pub fn set(&self, scope: &Scope, values: HashMap<String, String>) {
        let values = Arc::new(values);
        self.0.rcu(|all| {
            let mut next = HashMap::clone(all);
            next.insert(scope.clone(), values.clone());
            next
        });
    }
}

impl EnvOverlay for Overlays {
    fn get(&self, scope: &Scope, key: &str) -> Option<String> {
        self.0.load().get(scope)?.get(key).cloned()
    }
}
