//! The capsules that are loaded.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use astrid_capsule_discovery::Fingerprint;
use astrid_event_bus::{BindingGuard, Gate};
use astrid_host_context::{Principal, Uuid};
use astrid_host_sys::RegistryUnavailable;
use parking_lot::Mutex;
use serde_json::Value;

use super::snapshot::{Seen, Snapshot};
use crate::capsule::SharedCapsule;
use crate::{CapsuleError, Code};

/// A loaded capsule with what keeps it on the bus and what a reload needs.
pub(super) struct Entry {
    pub(super) capsule: SharedCapsule,
    pub(super) gate: Gate,
    pub(super) _bindings: Vec<BindingGuard>,
    /// Where it was read from.
    pub(super) dir: PathBuf,
    /// BLAKE3 of its component.
    pub(super) build: Option<blake3::Hash>,
    /// Whose capsule it is.
    pub(super) owner: Principal,
    pub(super) approved: Option<Fingerprint>,
    pub(super) meta: Value,
}

/// Where a loaded capsule came from.
pub(super) struct Origin {
    pub(super) id: String,
    pub(super) dir: PathBuf,
    pub(super) owner: Principal,
    pub(super) approved: Option<Fingerprint>,
}

/// A build that is loaded.
pub(super) struct Build {
    pub(super) uuid: Uuid,
    pub(super) dir: PathBuf,
    pub(super) owner: Principal,
    pub(super) view: BTreeSet<Principal>,
    /// BLAKE3 of its component.
    pub(super) hash: Option<blake3::Hash>,
}

enum Place {
    /// Its load is under way.
    Reserved {
        id: String,
        owner: Principal,
    },
    Loaded(Box<Loaded>),
}

struct Loaded {
    entry: Entry,
    /// The principals it was loaded for; its owner is one.
    view: BTreeSet<Principal>,
}

impl Place {
    fn id(&self) -> &str {
        match self {
            Self::Reserved { id, .. } => id,
            Self::Loaded(loaded) => loaded.entry.capsule.id(),
        }
    }

    fn is_for(&self, who: &Principal) -> bool {
        match self {
            Self::Reserved { owner, .. } => owner == who,
            Self::Loaded(loaded) => loaded.view.contains(who),
        }
    }

    fn loaded(&self) -> Option<&Loaded> {
        match self {
            Self::Loaded(loaded) => Some(loaded),
            Self::Reserved { .. } => None,
        }
    }
}

/// In load order. A host runs tens of capsules, so a list is the simplest index that keeps it.
#[derive(Default)]
pub(crate) struct Registry {
    places: Mutex<Vec<Place>>,
    snapshot: ArcSwap<Snapshot>,
}

/// An id that is taken while its capsule loads; dropping it without [`Reserved::fill`] frees the id.
pub(super) struct Reserved {
    registry: Arc<Registry>,
    id: String,
    owner: Principal,
    filled: bool,
}

impl Registry {
    /// Takes an id for a principal, so that two loads of one capsule cannot both succeed.
    pub(super) fn reserve(self: &Arc<Self>, id: &str, owner: &Principal) -> Result<Reserved, CapsuleError> {
        let mut places = self.places.lock();
        if places.iter().any(|place| place.id() == id && place.is_for(owner)) {
            return Err(CapsuleError::of(
                id,
                Code::Host,
                format!("already registered: {id}; unload it first"),
            ));
        }
        places.push(Place::Reserved { id: id.to_owned(), owner: owner.clone() });
        Ok(Reserved { registry: self.clone(), id: id.to_owned(), owner: owner.clone(), filled: false })
    }

    /// Takes `who` into the view of a loaded capsule with this id and component, if there is one.
    pub(super) fn join(
        &self,
        id: &str,
        build: Option<blake3::Hash>,
        who: &Principal,
    ) -> Option<SharedCapsule> {
        let mut places = self.places.lock();
        let same = |loaded: &&mut Box<Loaded>| loaded.entry.capsule.id() == id && loaded.entry.build == build;
        let mut loaded = places.iter_mut().filter_map(|place| match place {
            Place::Loaded(loaded) => Some(loaded),
            Place::Reserved { .. } => None,
        });
        let found = loaded.find(same)?;
        found.view.insert(who.clone());
        let capsule = found.entry.capsule.clone();
        self.publish(&places);
        Some(capsule)
    }

    /// Takes out the capsule with this session id.
    pub(super) fn remove(&self, uuid: Uuid) -> Option<Entry> {
        let mut places = self.places.lock();
        let is = |place: &Place| place.loaded().is_some_and(|l| l.entry.capsule.source_uuid() == uuid);
        let at = places.iter().position(is)?;
        let removed = places.remove(at);
        self.publish(&places);
        match removed {
            Place::Loaded(loaded) => Some(loaded.entry),
            Place::Reserved { .. } => None,
        }
    }

    /// Puts `new` in the place of the capsule with session id `old`, views and load order kept, and
    /// returns the old one; gives `new` back if it is not loaded any more. `swap` runs before anybody
    /// can see the new one here, with both.
    pub(super) fn replace(
        &self,
        old: Uuid,
        new: Entry,
        swap: impl FnOnce(&Entry, &Entry),
    ) -> Result<Entry, Box<Entry>> {
        let mut places = self.places.lock();
        let is = |place: &&mut Place| place.loaded().is_some_and(|l| l.entry.capsule.source_uuid() == old);
        let Some(Place::Loaded(loaded)) = places.iter_mut().find(is) else { return Err(Box::new(new)) };
        swap(&loaded.entry, &new);
        let old = std::mem::replace(&mut loaded.entry, new);
        self.publish(&places);
        Ok(old)
    }

    /// What a reload of the capsule with this session id needs.
    pub(super) fn origin(&self, uuid: Uuid) -> Option<Origin> {
        let places = self.places.lock();
        let mut loaded = places.iter().filter_map(Place::loaded);
        let entry = &loaded.find(|loaded| loaded.entry.capsule.source_uuid() == uuid)?.entry;
        Some(Origin {
            id: entry.capsule.id().to_owned(),
            dir: entry.dir.clone(),
            owner: entry.owner.clone(),
            approved: entry.approved.clone(),
        })
    }

    /// Every loaded build of a capsule: its session id, where it was read from, whose it is, who sees it.
    pub(super) fn builds(&self, id: &str) -> Vec<Build> {
        let places = self.places.lock();
        let loaded = places.iter().filter_map(Place::loaded).filter(|one| one.entry.capsule.id() == id);
        let build = |one: &Loaded| Build {
            uuid: one.entry.capsule.source_uuid(),
            dir: one.entry.dir.clone(),
            owner: one.entry.owner.clone(),
            view: one.view.clone(),
            hash: one.entry.build,
        };
        loaded.map(build).collect()
    }

    /// Takes `who` out of the view of the capsule with this session id. It comes out itself if nobody else sees it or
    /// if it is theirs.
    pub(super) fn leave(&self, uuid: Uuid, who: &Principal) -> Option<Entry> {
        let mut places = self.places.lock();
        let is = |place: &Place| place.loaded().is_some_and(|l| l.entry.capsule.source_uuid() == uuid);
        let at = places.iter().position(is)?;
        let Some(Place::Loaded(loaded)) = places.get_mut(at) else { return None };
        loaded.view.remove(who);
        let taken = (loaded.view.is_empty() || loaded.entry.owner == *who).then(|| places.remove(at));
        self.publish(&places);
        match taken {
            Some(Place::Loaded(loaded)) => Some(loaded.entry),
            _ => None,
        }
    }

    /// What is loaded now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    fn publish(&self, places: &[Place]) {
        let loaded = places.iter().filter_map(Place::loaded).map(|one| Seen {
            capsule: one.entry.capsule.clone(),
            meta: one.entry.meta.clone(),
            owner: one.entry.owner.clone(),
            view: Arc::new(one.view.clone()),
            shared_name: false,
            first: false,
        });
        self.snapshot.store(Arc::new(Snapshot::of(loaded.collect())));
    }
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
        Ok(snapshot.find(capsule).is_some_and(|seen| seen.capsule.manifest().capabilities.has(capability)))
    }
}

impl Reserved {
    pub(super) fn owner(&self) -> &Principal {
        &self.owner
    }

    pub(super) fn fill(mut self, entry: Entry) {
        self.filled = true;
        let mut places = self.registry.places.lock();
        if let Some(place) = places.iter_mut().find(|place| self.is_mine(place)) {
            *place = Place::Loaded(Box::new(Loaded { view: BTreeSet::from([self.owner.clone()]), entry }));
        }
        self.registry.publish(&places);
    }

    fn is_mine(&self, place: &Place) -> bool {
        matches!(place, Place::Reserved { id, owner } if *id == self.id && *owner == self.owner)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.filled {
            self.registry.places.lock().retain(|place| !self.is_mine(place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_host_sys::Registry as _;

    // sys case 36
    #[test]
    fn a_question_about_a_capsule_is_answered_while_somebody_changes_the_list() {
        let registry = Registry::default();
        let _stuck = registry.places.lock();
        assert!(!registry.holds(None, Uuid::nil(), "uplink").unwrap());
    }
}
