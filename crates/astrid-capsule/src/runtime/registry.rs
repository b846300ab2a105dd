//! The capsules that are loaded.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use astrid_capsule_discovery::{Finding, Fingerprint, validate};
use astrid_event_bus::{BindingGuard, Gate};
use astrid_host_context::Principal;
use astrid_host_sys::RegistryUnavailable;
use parking_lot::Mutex;
use serde_json::Value;
use uuid::Uuid;

use super::schema::SchemaCatalog;
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

/// A loaded capsule, as the registry shows it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) capsule: SharedCapsule,
    pub(crate) meta: Value,
    pub(crate) owner: Principal,
    /// The principals whose view it is in.
    pub(crate) view: Arc<BTreeSet<Principal>>,
    /// Another build of the same name is loaded too, so that the view decides who reaches which.
    shared_name: bool,
    /// Of the builds of one name, the first: for those in nobody's view.
    first: bool,
}

/// What is loaded at one moment, in load order. Never changes; asking it waits for no lock.
#[derive(Default)]
pub(crate) struct Snapshot {
    list: Vec<Seen>,
    by_uuid: HashMap<Uuid, usize>,
    pub(crate) schemas: SchemaCatalog,
}

impl Snapshot {
    pub(crate) fn all(&self) -> &[Seen] {
        &self.list
    }

    pub(crate) fn find(&self, uuid: Uuid) -> Option<&Seen> {
        self.by_uuid.get(&uuid).and_then(|at| self.list.get(*at))
    }

    /// The capsule `who` reaches by this id: the build in their view, else the first loaded.
    pub(crate) fn reach(&self, id: &str, who: Option<&Principal>) -> Option<&Seen> {
        self.list.iter().find(|seen| seen.capsule.id() == id && self.reaches(who, seen))
    }

    /// Whether `who` reaches this build, where there are several of one name. The host's own events
    /// reach all of them.
    fn reaches(&self, who: Option<&Principal>, seen: &Seen) -> bool {
        let Some(who) = who else { return seen.first || !seen.shared_name };
        if !seen.shared_name || seen.view.contains(who) {
            return true;
        }
        let id = seen.capsule.id();
        seen.first && !self.list.iter().any(|other| other.capsule.id() == id && other.view.contains(who))
    }

    /// What the capsules of each view lack, each finding once.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let principals: BTreeSet<_> = self.list.iter().flat_map(|seen| seen.view.iter()).collect();
        let mut findings = Vec::new();
        for who in principals {
            let view = self.list.iter().filter(|seen| seen.view.contains(who));
            for finding in validate(view.map(|seen| seen.capsule.manifest())) {
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
        findings
    }

    /// [`Snapshot::reaches`] by session id. An instance that is about to be shown here is hidden from nobody.
    pub(crate) fn sees(&self, who: Option<&Principal>, uuid: Uuid) -> bool {
        self.find(uuid).is_none_or(|seen| who.is_none() || self.reaches(who, seen))
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

    /// What is loaded now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    fn publish(&self, places: &[Place]) {
        let loaded: Vec<_> = places.iter().filter_map(Place::loaded).collect();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for one in &loaded {
            *counts.entry(one.entry.capsule.id()).or_default() += 1;
        }
        let mut met = BTreeSet::new();
        let list = loaded.iter().copied().map(|one| Seen {
            capsule: one.entry.capsule.clone(),
            meta: one.entry.meta.clone(),
            owner: one.entry.owner.clone(),
            view: Arc::new(one.view.clone()),
            shared_name: counts.get(one.entry.capsule.id()).is_some_and(|count| *count > 1),
            first: met.insert(one.entry.capsule.id()),
        });
        let list: Vec<_> = list.collect();
        let by_uuid = list.iter().enumerate().map(|(at, seen)| (seen.capsule.source_uuid(), at)).collect();
        let schemas = SchemaCatalog::of(list.iter().map(|seen| seen.capsule.manifest()));
        self.snapshot.store(Arc::new(Snapshot { list, by_uuid, schemas }));
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
