//! The capsules that are loaded.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use astrid_event_bus::{BindingGuard, Gate};
use astrid_host_context::Principal;
use astrid_host_sys::RegistryUnavailable;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::capsule::SharedCapsule;
use crate::{CapsuleError, Code};

/// A loaded capsule with what keeps it on the bus.
pub(super) struct Entry {
    pub(super) capsule: SharedCapsule,
    pub(super) gate: Gate,
    pub(super) _bindings: Vec<BindingGuard>,
}

enum Place {
    /// Its load is under way.
    Reserved(String),
    Loaded(Entry),
}

impl Place {
    fn id(&self) -> &str {
        match self {
            Self::Reserved(id) => id,
            Self::Loaded(entry) => entry.capsule.id(),
        }
    }
}

/// In load order. A host runs tens of capsules, so a list is the simplest index that keeps it.
#[derive(Default)]
pub(crate) struct Registry {
    places: Mutex<Vec<Place>>,
    /// The loaded capsules by session id, for questions from host functions, which wait for no lock.
    snapshot: ArcSwap<HashMap<Uuid, SharedCapsule>>,
}

/// An id that is taken while its capsule loads; dropping it without [`Reserved::fill`] frees the id.
pub(super) struct Reserved {
    registry: Arc<Registry>,
    id: Option<String>,
}

impl Registry {
    /// Takes an id, so that two loads of one capsule cannot both succeed.
    pub(super) fn reserve(self: &Arc<Self>, id: &str) -> Result<Reserved, CapsuleError> {
        let mut places = self.places.lock();
        if places.iter().any(|place| place.id() == id) {
            return Err(CapsuleError::of(id, Code::Host, "is already loaded; unload it first"));
        }
        places.push(Place::Reserved(id.to_owned()));
        Ok(Reserved { registry: self.clone(), id: Some(id.to_owned()) })
    }

    pub(super) fn remove(&self, id: &str) -> Option<Entry> {
        let mut places = self.places.lock();
        let at = places.iter().position(|place| matches!(place, Place::Loaded(e) if e.capsule.id() == id))?;
        let removed = places.remove(at);
        self.publish(&places);
        match removed {
            Place::Loaded(entry) => Some(entry),
            Place::Reserved(_) => None,
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<SharedCapsule> {
        self.all().into_iter().find(|capsule| capsule.id() == id)
    }

    pub(super) fn all(&self) -> Vec<SharedCapsule> {
        loaded(&self.places.lock()).collect()
    }

    fn publish(&self, places: &[Place]) {
        self.snapshot
            .store(Arc::new(loaded(places).map(|capsule| (capsule.source_uuid(), capsule)).collect()));
    }
}

fn loaded(places: &[Place]) -> impl Iterator<Item = SharedCapsule> {
    places.iter().filter_map(|place| match place {
        Place::Loaded(entry) => Some(entry.capsule.clone()),
        Place::Reserved(_) => None,
    })
}

impl astrid_host_sys::Registry for Registry {
    /// Every principal may see every capsule of this host; hiding some is a matter of profiles.
    fn holds(
        &self,
        _: Option<&Principal>,
        capsule: Uuid,
        capability: &str,
    ) -> Result<bool, RegistryUnavailable> {
        let snapshot = self.snapshot.load();
        Ok(snapshot.get(&capsule).is_some_and(|found| found.manifest().capabilities.has(capability)))
    }
}

impl Reserved {
    pub(super) fn fill(mut self, entry: Entry) {
        let Some(id) = self.id.take() else { return };
        let mut places = self.registry.places.lock();
        if let Some(place) = places.iter_mut().find(|place| place.id() == id) {
            *place = Place::Loaded(entry);
        }
        self.registry.publish(&places);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.registry.places.lock().retain(|place| !matches!(place, Place::Reserved(of) if *of == id));
        }
    }
}
