//! Booting, loading, replacing, unloading, ending.

use std::path::Path;
use std::time::Duration;

use astrid_capsule_discovery::{Fingerprint, SearchPath, Trust};
use astrid_host_context::Principal;
use futures_util::future::join_all;

use super::{Runtime, boot, events, jobs, load, restart};
use crate::capsule::SharedCapsule;
use crate::{BootReport, CapsuleError, Code};

/// How long unloading one after the other may take at shutdown; what is left then is unloaded at once, so that the
/// whole stays below the half minute of lifecycle chapter §9.
const ORDERLY: Duration = Duration::from_secs(20);

/// How long handlers may take to hear of a shutdown.
const FAREWELL: Duration = Duration::from_millis(500);

/// How long installations may take to end when the host does. A hook has two seconds, then files are put back.
const TAKING_BACK: Duration = Duration::from_secs(5);

impl Runtime {
    /// Finds capsules, orders them by their needs, loads them all, frontends first, and starts cron and
    /// the health monitor. A capsule that cannot be loaded takes no other down: the report names it.
    ///
    /// Of the paths, [`SearchPath::workspace`] needs approvals: [`Runtime::trust`].
    pub async fn boot(&self, paths: &[SearchPath]) -> BootReport {
        boot::boot(&self.0, paths).await
    }

    /// Approves the capsule in `dir`, as it is now, for boots that look through a workspace.
    ///
    /// # Errors
    /// [`Code::Host`]: the capsule cannot be read, or the approval cannot be written.
    pub async fn trust(&self, dir: impl AsRef<Path>) -> Result<Fingerprint, CapsuleError> {
        let (file, dir) = (self.0.home.trust_file(), dir.as_ref().to_owned());
        let approved = tokio::task::spawn_blocking(move || Trust::approve(&file, &dir)).await;
        approved.map_err(CapsuleError::host)?.map_err(CapsuleError::host)
    }

    /// Loads the capsule in `dir`: reads `Capsule.toml`, checks the component's recorded hash,
    /// compiles it or takes the code from the cache, links it, makes a first instance, and puts its
    /// handlers on the bus. A run loop is started; [`crate::Capsule::wait_ready`] waits for its signal.
    ///
    /// # Errors
    /// A [`CapsuleError`] whose [`Code`] says which step refused. Nothing of the capsule is left behind.
    pub async fn load(&self, dir: impl AsRef<Path>) -> Result<SharedCapsule, CapsuleError> {
        self.load_for(dir, &self.0.owner).await
    }

    /// [`Runtime::load`] for another principal. A build that is loaded already is shared; a different
    /// build of a capsule that somebody else has runs beside it, and each principal reaches their own.
    ///
    /// # Errors
    /// As [`Runtime::load`].
    pub async fn load_for(
        &self,
        dir: impl AsRef<Path>,
        owner: &Principal,
    ) -> Result<SharedCapsule, CapsuleError> {
        let capsule = load::load(&self.0, dir.as_ref(), owner).await?;
        jobs::started(&self.0, &*capsule).await;
        events::lifecycle(&self.0.bus, "capsule_loaded", &[("capsule_id", capsule.id().into())]);
        // Before the boot nobody has been told anything that could be out of date.
        if self.0.health.is_watching() {
            capsule.discover_tools().await;
            events::capsules_loaded(&self.0);
        }
        Ok(capsule)
    }

    /// Reads a capsule from disk again and puts it in the place of the one that runs; every event
    /// reaches exactly one of the two. What the health monitor counted is forgotten.
    ///
    /// # Errors
    /// [`Code::NotFound`], or why the new one does not start; the old one goes on then.
    pub async fn reload(&self, id: &str) -> Result<SharedCapsule, CapsuleError> {
        let missing = || CapsuleError::of(id, Code::NotFound, "is not loaded");
        let old = self.capsule(id).ok_or_else(missing)?.source_uuid();
        self.0.health.forget(old);
        let cause = restart::Cause { reason: "reload", attempt: 0 };
        restart::restart(&self.0, old, cause).await.map_err(|error| error.in_capsule(id))
    }

    /// Unloads a capsule, every build of it: its calls are cancelled, given two seconds, then stopped.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub async fn unload(&self, id: &str) -> Result<(), CapsuleError> {
        let snapshot = self.0.registry.snapshot();
        let builds = snapshot.all().iter().filter(|seen| seen.capsule.id() == id);
        let removed: Vec<_> =
            builds.filter_map(|seen| self.0.registry.remove(seen.capsule.source_uuid())).collect();
        if removed.is_empty() {
            return Err(CapsuleError::of(id, Code::NotFound, "is not loaded"));
        }
        jobs::stopped(&self.0, id);
        let mut result = Ok(());
        for entry in removed {
            let uuid = entry.capsule.source_uuid();
            self.0.health.forget(uuid);
            self.0.dispatcher.remove(uuid);
            entry.gate.retire();
            result = entry.capsule.unload().await.and(result);
        }
        events::lifecycle(&self.0.bus, "capsule_unloaded", &[("capsule_id", id.into())]);
        if self.0.health.is_watching() {
            events::capsules_loaded(&self.0);
        }
        result
    }

    /// Tells handlers, stops cron and restarts, cancels lifecycle hooks, unloads every capsule, the last loaded first and frontends
    /// behind all others, and waits until everything accepted is on disk.
    pub async fn shutdown(&self) {
        events::lifecycle(&self.0.bus, "kernel_shutdown", &[]);
        if !self.settle(FAREWELL).await {
            tracing::debug!("handlers still run at shutdown and are cancelled");
        }
        self.0.tasks.lock().drain(..).for_each(|task| task.abort());
        self.0.health.stop();
        self.0.lifecycle.cancel_all();
        let installs = async { tokio::time::timeout(TAKING_BACK, self.0.installs.write()).await.is_err() };
        // Both have five seconds to end by themselves.
        let (cut_short, ()) = tokio::join!(installs, self.0.processes.shutdown());
        if cut_short {
            tracing::warn!("an installation is cut short; the next start ends it");
        }
        let in_order = async {
            let is_uplink = |capsule: &SharedCapsule| capsule.manifest().capabilities.uplink;
            let (uplinks, others): (Vec<_>, Vec<_>) = self.capsules().into_iter().rev().partition(is_uplink);
            for capsule in others.iter().chain(&uplinks) {
                self.unload_at_shutdown(capsule.id()).await;
            }
        };
        if tokio::time::timeout(ORDERLY, in_order).await.is_err() {
            let rest = self.capsules();
            tracing::warn!("{} capsules are left and are unloaded at once", rest.len());
            join_all(rest.iter().map(|capsule| self.unload_at_shutdown(capsule.id()))).await;
        }
        self.0.cache.finish().await;
        self.0.logs.flush().await;
        self.0.users.close().await;
        self.0.store.close().await;
        events::stopped(&self.0.services, &self.0.owner);
    }

    async fn unload_at_shutdown(&self, id: &str) {
        // A capsule that somebody else unloads at the same time is unloaded.
        if let Err(error) = self.unload(id).await {
            tracing::debug!(%error, "unloading at shutdown");
        }
    }
}
