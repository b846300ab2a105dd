//! Locks of the standard library, so that whoever links one package needs no other.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. What is behind these locks is whole after each statement, so a thread that panicked with the lock
/// held has broken nothing.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
