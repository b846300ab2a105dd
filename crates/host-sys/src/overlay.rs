//! Values an operator set for one principal and capsule.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use astrid_host_context::Scope;

/// Answers for one principal before the capsule's own configuration does. Asked at each call, on a
/// runtime worker: it must not wait or do I/O.
pub trait EnvOverlay: Send + Sync {
    /// The value set for `key`, if one is.
    fn get(&self, scope: &Scope, key: &str) -> Option<String>;
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
