//! Every namespace under a lock of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use astrid_host_context::Scope;

/// What a backend in memory keeps of each namespace; made when first asked for.
#[derive(Debug, Default)]
pub(crate) struct Spaces<T>(RwLock<HashMap<Scope, Arc<Mutex<T>>>>);

impl<T: Default> Spaces<T> {
    pub(crate) fn existing(&self, scope: &Scope) -> Option<Arc<Mutex<T>>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(scope).cloned()
    }

    pub(crate) fn of(&self, scope: &Scope) -> Arc<Mutex<T>> {
        self.existing(scope).unwrap_or_else(|| {
            self.0.write().unwrap_or_else(PoisonError::into_inner).entry(scope.clone()).or_default().clone()
        })
    }

    pub(crate) fn remove(&self, scope: &Scope) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(scope);
    }

    /// All of them, in no order.
    pub(crate) fn all(&self) -> Vec<(Scope, Arc<Mutex<T>>)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(scope, space)| (scope.clone(), space.clone())).collect()
    }
}

/// A namespace is whole after each change, so a thread that panicked with the lock held has broken nothing.
pub(crate) fn locked<T>(namespace: &Mutex<T>) -> MutexGuard<'_, T> {
    namespace.lock().unwrap_or_else(PoisonError::into_inner)
}
