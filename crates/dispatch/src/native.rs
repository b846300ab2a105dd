//! Services of the host itself that answer requests on the bus.

use std::sync::Arc;

use astrid_event_bus::{AccessPattern, Topic};
use parking_lot::RwLock;

/// The patterns native services answer.
#[derive(Debug, Default)]
pub(crate) struct Natives(RwLock<Vec<Arc<AccessPattern>>>);

/// Holds a native service's registration; dropping it ends it.
#[derive(Debug)]
#[must_use = "dropping the guard ends the registration"]
pub struct NativeGuard {
    natives: Arc<Natives>,
    pattern: Arc<AccessPattern>,
}

impl Natives {
    pub(crate) fn register(self: &Arc<Self>, pattern: AccessPattern) -> NativeGuard {
        let pattern = Arc::new(pattern);
        self.0.write().push(pattern.clone());
        NativeGuard { natives: self.clone(), pattern }
    }

    pub(crate) fn answer(&self, topic: &Topic) -> bool {
        self.0.read().iter().any(|pattern| pattern.matches(topic))
    }
}

impl Drop for NativeGuard {
    fn drop(&mut self) {
        self.natives.0.write().retain(|pattern| !Arc::ptr_eq(pattern, &self.pattern));
    }
}
