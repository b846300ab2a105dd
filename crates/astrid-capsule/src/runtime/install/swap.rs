//! The loaded capsule while its files change: stopped, replaced, or started again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use astrid_capsule_install::{Meta, Place};
use astrid_host_context::{Principal, Uuid};

use crate::load::Source;
use crate::runtime::generation::gates;
use crate::runtime::load::{Opened, build, load, publish, show};
use crate::runtime::registry::Entry;
use crate::runtime::restart::{exchange, make_ready, retire};
use crate::runtime::{Inner, events, jobs};
use crate::{CapsuleError, SharedCapsule};

/// A capsule that is loaded from the place where it is installed.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) uuid: Uuid,
    /// The other principals who see this build.
    pub(super) others: BTreeSet<Principal>,
}

/// The build that `who` sees and that was read from their place, or that they share with somebody.
pub(super) async fn running(runtime: &Inner, place: &Place, who: &Principal) -> Option<Running> {
    let builds = runtime.registry.builds(place.capsule());
    let (target, who) = (place.target(), who.clone());
    let find = move || {
        let same =
            |dir: &Path| dir == target || canonical(dir).is_some_and(|dir| Some(dir) == canonical(&target));
        let mut seen = builds.into_iter().filter(|build| build.view.contains(&who));
        let mut found = seen.find(|build| build.owner != who || same(&build.dir))?;
        found.view.remove(&who);
        Some(Running { uuid: found.uuid, others: found.view })
    };
    tokio::task::spawn_blocking(find).await.ok().flatten()
}

/// Whether `who` sees a capsule of this name, from wherever it was loaded.
pub(super) fn is_taken(runtime: &Inner, id: &str, who: &Principal) -> bool {
    runtime.registry.builds(id).iter().any(|build| build.view.contains(who))
}

fn canonical(dir: &Path) -> Option<PathBuf> {
    dir.canonicalize().ok()
}

/// Stops the capsule for `who`. Others who share the build keep it: where it was loaded for `who`, it is loaded again
/// from what they have installed.
pub(super) async fn stop(runtime: &Arc<Inner>, place: &Place, who: &Principal, running: &Running) {
    let id = place.capsule().as_str();
    let Some(entry) = runtime.registry.leave(running.uuid, who) else { return };
    jobs::stopped(runtime, id);
    runtime.health.forget(running.uuid);
    retire(runtime, entry).await;
    for other in &running.others {
        let Ok(theirs) = Place::new(place.root(), other.as_str(), place.capsule()) else { continue };
        if let Err(error) = start(runtime, &theirs, other).await {
            tracing::error!(%error, principal = %other, "a build that was shared could not be loaded for its other user");
        }
    }
    for build in runtime.registry.builds(id) {
        if let Some(seen) = runtime.registry.snapshot().find(build.uuid) {
            jobs::started(runtime, &*seen.capsule).await;
        }
    }
}

/// Loads what is installed.
pub(super) async fn start(
    runtime: &Arc<Inner>,
    place: &Place,
    who: &Principal,
) -> Result<SharedCapsule, CapsuleError> {
    let capsule = load(runtime, &place.target(), who).await?;
    jobs::started(runtime, &*capsule).await;
    Ok(capsule)
}

/// The new capsule, made before its record is written, so that one that does not start is no upgrade.
pub(super) enum Next {
    /// It is not to be loaded.
    None,
    /// It takes the place of the one with this session id.
    Exchange(Uuid, Box<Entry>),
    /// It is started.
    Start(Box<Entry>),
    /// It is started already, and shown.
    Show(Box<Entry>),
    /// Somebody else has this build loaded: it is shared.
    Share,
}

impl Next {
    /// Makes it from `source`, whose files lie at `place` already; `running` is the old one, if that serves. One that
    /// takes the place of another has to be ready first, except where it would not find yet what the hook stored.
    pub(super) async fn make(
        runtime: &Arc<Inner>,
        place: &Place,
        who: &Principal,
        source: Source,
        meta: &Meta,
        running: Option<&Running>,
        tried: bool,
    ) -> Result<Self, CapsuleError> {
        let hash = source.program.as_ref().map(|program| program.hash);
        let builds = runtime.registry.builds(place.capsule());
        if builds.iter().any(|build| build.owner != *who && build.hash == hash) {
            return Ok(Self::Share);
        }
        let meta = serde_json::to_value(meta).map_err(CapsuleError::host)?;
        let source = Source { dir: place.target(), meta, ..source };
        let gates = gates(runtime);
        let opened = move || gates(&source.manifest).map(|policy| Opened { policy, source });
        let opened = tokio::task::spawn_blocking(opened).await.map_err(CapsuleError::host)??;
        let entry = build(runtime, opened, who, Instant::now()).await?;
        match running {
            // What others share is left to them.
            Some(old) if old.others.is_empty() => {
                Ok(Self::Exchange(old.uuid, Box::new(make_ready(runtime, entry).await?)))
            }
            _ if tried => Ok(Self::Show(Box::new(make_ready(runtime, entry).await?))),
            _ => Ok(Self::Start(Box::new(entry))),
        }
    }

    /// Lets events reach it.
    pub(super) async fn begin(
        self,
        runtime: &Arc<Inner>,
        place: &Place,
        who: &Principal,
    ) -> Result<Option<SharedCapsule>, CapsuleError> {
        let (id, is_ready) = (place.capsule().as_str(), matches!(self, Self::Show(_)));
        let capsule = match self {
            Self::None => return Ok(None),
            Self::Share => load(runtime, &place.target(), who).await?,
            Self::Start(entry) | Self::Show(entry) => match runtime.registry.reserve(id, who) {
                Ok(reserved) if is_ready => {
                    let capsule = entry.capsule.clone();
                    show(runtime, *entry, reserved).await;
                    capsule
                }
                Ok(reserved) => publish(runtime, *entry, reserved).await?,
                Err(error) => {
                    retire(runtime, *entry).await;
                    return Err(error);
                }
            },
            Self::Exchange(old, entry) => {
                runtime.health.forget(old);
                exchange(runtime, old, *entry).await?
            }
        };
        capsule.discover_tools().await;
        jobs::started(runtime, &*capsule).await;
        Ok(Some(capsule))
    }

    /// Ends it before it began.
    pub(super) async fn discard(self, runtime: &Inner) {
        if let Self::Exchange(_, entry) | Self::Start(entry) | Self::Show(entry) = self {
            retire(runtime, *entry).await;
        }
    }
}

/// Tells the bus what became of a capsule.
pub(super) fn announce(runtime: &Inner, id: &str, was_loaded: bool, is_loaded: bool) {
    for (name, _) in
        [("capsule_unloaded", was_loaded), ("capsule_loaded", is_loaded)].iter().filter(|one| one.1)
    {
        events::lifecycle(&runtime.bus, name, &[("capsule_id", id.into())]);
    }
    // Before the boot nobody has been told anything that could be out of date.
    if (was_loaded || is_loaded) && runtime.health.is_watching() {
        events::capsules_loaded(runtime);
    }
}
