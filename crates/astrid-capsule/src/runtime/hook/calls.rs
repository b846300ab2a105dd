//! The lifecycle calls under way.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use astrid_host_context::{Cancellation, CapsuleId, Principal};
use parking_lot::Mutex;

use crate::{CapsuleError, Code};

type Key = (CapsuleId, Principal);

/// At most one for each capsule and principal, with what ends it.
#[derive(Default)]
pub(crate) struct Calls(Mutex<HashMap<Key, Cancellation>>);

/// The place of one; dropping it lets the next in.
pub(super) struct Call {
    calls: Arc<Calls>,
    key: Key,
}

impl Calls {
    pub(super) fn begin(
        self: &Arc<Self>,
        capsule: &CapsuleId,
        who: &Principal,
        ends: &Cancellation,
    ) -> Result<Call, CapsuleError> {
        let key = (capsule.clone(), who.clone());
        match self.0.lock().entry(key.clone()) {
            Entry::Occupied(_) => Err(CapsuleError::new(
                Code::NotReady,
                format!(
                    "a lifecycle hook of it is under way for principal '{who}'; wait until that has ended"
                ),
            )),
            Entry::Vacant(place) => {
                place.insert(ends.clone());
                Ok(Call { calls: self.clone(), key })
            }
        }
    }

    /// False if there is none.
    pub(super) fn cancel(&self, capsule: &CapsuleId, who: &Principal) -> bool {
        let ends = self.0.lock().get(&(capsule.clone(), who.clone())).cloned();
        ends.inspect(Cancellation::cancel).is_some()
    }

    pub(crate) fn cancel_all(&self) {
        let all: Vec<_> = self.0.lock().values().cloned().collect();
        all.iter().for_each(Cancellation::cancel);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.calls.0.lock().remove(&self.key);
    }
}
