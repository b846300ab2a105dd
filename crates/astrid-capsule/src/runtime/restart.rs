//! Putting a fresh instance of a capsule in the place of the one that runs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_capsule_discovery::Fingerprint;
use astrid_host_context::Uuid;
use serde_json::json;

use super::events::{announce, capsules_loaded};
use super::load::{Known, build, open};
use super::registry::{Entry, Origin};
use super::{Inner, jobs};
use crate::capsule::SharedCapsule;
use crate::dispatch::CapsuleTarget;
use crate::{CapsuleError, Code, Readiness};

/// What the old instance still has queued may take this long, in this many looks (lifecycle chapter §7).
const DRAIN_LOOKS: u32 = 20;
const DRAIN_PAUSE: Duration = Duration::from_millis(50);

/// Why a capsule is restarted, for the event.
pub(super) struct Cause<'a> {
    pub(super) reason: &'a str,
    pub(super) attempt: u32,
}

/// Builds a replacement from disk beside the capsule with session id `old`, starts it, and swaps them:
/// every event reaches exactly one of the two.
///
/// # Errors
/// The replacement does not load, or its run loop ends before it is ready; the old one stays as it was.
pub(super) async fn restart(
    runtime: &Arc<Inner>,
    old: Uuid,
    cause: Cause<'_>,
) -> Result<SharedCapsule, CapsuleError> {
    let gone = || CapsuleError::new(Code::NotFound, "is not loaded any more");
    let Origin { id, dir, owner, approved } = runtime.registry.origin(old).ok_or_else(gone)?;
    let limit = runtime.config.load_timeout;
    let load = async {
        let opened = open(runtime, &dir, known(&dir, approved).await?).await?;
        let name = opened.source.manifest.package.name.as_str();
        if name != id {
            let problem = format!("{} is capsule '{name}' now; unload this one and load that", dir.display());
            return Err(CapsuleError::of(&id, Code::Manifest, problem));
        }
        build(runtime, opened, &owner, Instant::now()).await
    };
    let new = tokio::time::timeout(limit, load).await.unwrap_or_else(|_| {
        let problem = format!("is not loaded after {} s", limit.as_secs_f64());
        Err(CapsuleError::new(Code::Timeout, problem))
    })?;
    let new = make_ready(runtime, new).await?;
    let capsule = exchange(runtime, old, new).await?;
    capsule.discover_tools().await;
    jobs::started(runtime, &*capsule).await;
    let payload = json!({ "capsule_id": id, "reason": cause.reason, "attempt": cause.attempt });
    announce(&runtime.bus, "system.v1.lifecycle.restart", &payload, None);
    capsules_loaded(runtime);
    Ok(capsule)
}

/// Starts a capsule that nobody can see yet.
///
/// # Errors
/// Its run loop ends before it is ready; nothing of it is left.
pub(super) async fn make_ready(runtime: &Arc<Inner>, new: Entry) -> Result<Entry, CapsuleError> {
    let capsule = new.capsule.clone();
    let target =
        CapsuleTarget::new(&capsule, &new.owner, runtime).map_err(|error| error.in_capsule(capsule.id()))?;
    runtime.dispatcher.add(capsule.source_uuid(), Arc::new(target));
    capsule.activate();
    if capsule.wait_ready(runtime.config.ready_timeout).await == Readiness::Crashed {
        retire(runtime, new).await;
        return Err(CapsuleError::of(capsule.id(), Code::Execution, "run loop ended before it was ready"));
    }
    Ok(new)
}

/// Puts `new`, which is ready, in the place of the capsule with session id `old`, and ends that one.
///
/// # Errors
/// Somebody unloaded the old one meanwhile, and that counts: the new one is ended.
pub(super) async fn exchange(
    runtime: &Arc<Inner>,
    old: Uuid,
    new: Entry,
) -> Result<SharedCapsule, CapsuleError> {
    let capsule = new.capsule.clone();
    let calm = runtime.exclusive.read().await;
    let swapped = runtime.registry.replace(old, new, |old, new| runtime.bus.exchange(&old.gate, &new.gate));
    drop(calm);
    match swapped {
        Ok(old) => {
            drain(runtime, &old).await;
            retire(runtime, old).await;
            Ok(capsule)
        }
        Err(new) => {
            retire(runtime, *new).await;
            Err(CapsuleError::of(capsule.id(), Code::NotFound, "is not loaded any more"))
        }
    }
}

/// A capsule that was approved is only replaced by the same: manifest and code are read and compared.
async fn known(dir: &Path, approved: Option<Fingerprint>) -> Result<Option<Known>, CapsuleError> {
    let Some(approved) = approved else { return Ok(None) };
    let dir = dir.to_owned();
    let read = move || {
        let changed = "changed since it was approved; approve it again with `capsule trust`";
        let now = Fingerprint::read(&dir).map_err(|error| CapsuleError::new(Code::Integrity, error))?;
        if now != approved {
            return Err(CapsuleError::new(Code::Integrity, changed));
        }
        let read = astrid_capsule_manifest::load_manifest(&dir.join(astrid_capsule_manifest::MANIFEST_FILE));
        let (manifest, _) = read.map_err(|error| CapsuleError::new(Code::Manifest, error))?;
        Ok(Some(Known { manifest, approved: Some(approved) }))
    };
    tokio::task::spawn_blocking(read).await.map_err(CapsuleError::host)?
}

/// Lets the old instance finish what is queued for it; after a second it is not waited for any more.
async fn drain(runtime: &Inner, old: &Entry) {
    for _ in 0..DRAIN_LOOKS {
        if runtime.dispatcher.is_idle(old.capsule.source_uuid()) {
            return;
        }
        tokio::time::sleep(DRAIN_PAUSE).await;
    }
    tracing::warn!(
        capsule = old.capsule.id(),
        "calls of the replaced instance did not end and are cancelled"
    );
}

pub(super) async fn retire(runtime: &Inner, entry: Entry) {
    runtime.dispatcher.remove(entry.capsule.source_uuid());
    entry.gate.retire();
    if let Err(error) = entry.capsule.unload().await {
        tracing::warn!(%error, "unloading a replaced instance");
    }
}
