//! What is loaded at one moment, and who reaches what of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use astrid_capsule_discovery::{Finding, validate};
use astrid_host_context::{Principal, Uuid};
use serde_json::Value;

use super::schema::SchemaCatalog;
use crate::capsule::SharedCapsule;

/// A loaded capsule, as the registry shows it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) capsule: SharedCapsule,
    pub(crate) meta: Value,
    pub(crate) owner: Principal,
    /// The principals whose view it is in.
    pub(crate) view: Arc<BTreeSet<Principal>>,
    /// Another build of the same name is loaded too, so that the view decides who reaches which.
    pub(super) shared_name: bool,
    /// Of the builds of one name, the first: for those in nobody's view.
    pub(super) first: bool,
}

/// What is loaded at one moment, in load order. Never changes; asking it waits for no lock.
#[derive(Default)]
pub(crate) struct Snapshot {
    list: Vec<Seen>,
    by_uuid: HashMap<Uuid, usize>,
    pub(crate) schemas: SchemaCatalog,
}

impl Snapshot {
    /// Of these, in load order; which names several builds share is found out here.
    pub(super) fn of(mut list: Vec<Seen>) -> Self {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for seen in &mut list {
            let count = counts.entry(seen.capsule.id().to_owned()).or_default();
            seen.first = *count == 0;
            *count += 1;
        }
        for seen in &mut list {
            seen.shared_name = counts.get(seen.capsule.id()).is_some_and(|count| *count > 1);
        }
        let by_uuid = list.iter().enumerate().map(|(at, seen)| (seen.capsule.source_uuid(), at)).collect();
        let schemas = SchemaCatalog::of(list.iter().map(|seen| seen.capsule.manifest()));
        Self { list, by_uuid, schemas }
    }

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
