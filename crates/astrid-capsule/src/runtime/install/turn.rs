//! One installation or removal of a capsule at a time, with all that follows from it.

use std::collections::HashSet;
use std::sync::Arc;

use astrid_capsule_install::Place;
use parking_lot::Mutex;

use crate::{CapsuleError, Code};

type Key = (String, String);

/// What is under way in this process. The lock on disk is for files alone: a capsule that was stopped for an
/// installation that failed is started again after it was given up.
#[derive(Default)]
pub(crate) struct Turns(Arc<Mutex<HashSet<Key>>>);

/// The right to install or remove one principal's capsule; dropping it lets the next in.
pub(super) struct Turn {
    under_way: Arc<Mutex<HashSet<Key>>>,
    key: Key,
}

impl Turns {
    pub(super) fn begin(&self, place: &Place) -> Result<Turn, CapsuleError> {
        let key = (place.principal().to_owned(), place.capsule().to_string());
        if !self.0.lock().insert(key.clone()) {
            let problem = format!("is being installed or removed for {}; wait until that is done", key.0);
            return Err(CapsuleError::of(&key.1, Code::Install, problem));
        }
        Ok(Turn { under_way: self.0.clone(), key })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.key);
    }
}
