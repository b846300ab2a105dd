//! Who wins when a change is given up while it is being made.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::SystemTime;

use crate::{Stamp, StoreError};

/// The host's clock.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

const OPEN: u8 = 0;
const BEGUN: u8 = 1;
const WITHDRAWN: u8 = 2;

/// The right to make one change: either the store begins to commit it, or whoever asked withdraws it, and never
/// both. A clone is the same right.
#[derive(Clone)]
pub struct Commit(Arc<(AtomicU8, Clock)>);

impl Commit {
    /// A change that is wanted, on the host's clock.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        Self(Arc::new((AtomicU8::new(OPEN), clock.clone())))
    }

    /// The store's point of no return, with the moment that counts as the change's.
    ///
    /// # Errors
    /// [`StoreError::Withdrawn`].
    pub fn begin(&self) -> Result<Stamp, StoreError> {
        if self.turn(BEGUN) { Ok((self.0.1)().into()) } else { Err(StoreError::Withdrawn) }
    }

    /// Gives the change up; false if it has begun.
    #[must_use]
    pub fn withdraw(&self) -> bool {
        self.turn(WITHDRAWN) || self.0.0.load(Ordering::Acquire) == WITHDRAWN
    }

    fn turn(&self, into: u8) -> bool {
        self.0.0.compare_exchange(OPEN, into, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Commit").field(&self.0.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_the_store_or_the_caller_wins_and_nobody_twice() {
        let clock: Clock = Arc::new(SystemTime::now);
        let commit = Commit::new(&clock);
        assert!(commit.begin().is_ok() && !commit.withdraw());
        assert!(matches!(commit.begin(), Err(StoreError::Withdrawn)));
        let commit = Commit::new(&clock);
        assert!(commit.withdraw() && commit.withdraw());
        assert!(matches!(commit.begin(), Err(StoreError::Withdrawn)));
    }
}
