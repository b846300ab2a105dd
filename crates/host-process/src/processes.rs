//! What all stores of a host share: the backend, everything that runs, everything that is kept.

use std::fmt;
use std::sync::{Arc, OnceLock};

use astrid_host_context::{CapsuleId, Entry, Held, Permit, Principal, Resource, Uuid};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::child::{Child, Reason};
use crate::cursor::Cursors;
use crate::ids::Ids;
use crate::limits::{
    BACKGROUND, DETACHED_GRACE, HOST_BACKGROUND, MAX_STDIN, REAP_GRACE, REAPED, RETAINED, RETAINED_OF_CAPSULE,
};
use crate::registry::{Keep, Kept, Registry};
use crate::roll::{Live, Roll};
use crate::timers::{Due, Timers};
use crate::turns::Turns;
use crate::{Error, Grounds, Launcher, Lifecycle, NoLifecycle};

/// Shared by all stores of a host. Dropping it kills every child.
///
/// Children's tasks run on the runtime that serves the calls; nothing of this is on disk, and after a restart
/// nothing is known of earlier children.
pub struct Processes {
    pub(crate) launcher: Arc<dyn Launcher>,
    pub(crate) grounds: Arc<dyn Grounds>,
    pub(crate) events: Arc<dyn Lifecycle>,
    pub(crate) most_stdin: u64,
    most_background: u64,
    pub(crate) ids: Ids,
    pub(crate) cursors: Cursors,
    pub(crate) registry: Arc<Registry>,
    pub(crate) roll: Arc<Roll>,
    pub(crate) turns: Turns,
    timers: Arc<Timers>,
    clock: OnceLock<JoinHandle<()>>,
    /// Background and persistent children over all capsules; `None` is the calls without principal.
    running: Held<Option<Principal>>,
    retained: Held<(Option<Principal>, Option<CapsuleId>)>,
}

/// Builds [`Processes`].
pub struct ProcessesBuilder {
    launcher: Arc<dyn Launcher>,
    grounds: Arc<dyn Grounds>,
    events: Arc<dyn Lifecycle>,
    most_stdin: u64,
    most_background: u64,
}

impl Processes {
    /// Children that `launcher` starts in `grounds`, and nobody told of their ends.
    #[must_use]
    pub fn builder(launcher: Arc<dyn Launcher>, grounds: Arc<dyn Grounds>) -> ProcessesBuilder {
        ProcessesBuilder {
            launcher,
            grounds,
            events: Arc::new(NoLifecycle),
            most_stdin: MAX_STDIN,
            most_background: HOST_BACKGROUND,
        }
    }

    /// Children that run now or are about to, of all tiers.
    #[must_use]
    pub fn running(&self) -> usize {
        self.roll.len()
    }

    /// A tool's calls are cancelled: the principal's runs of `spawn` that belong to one of them, or to none, get
    /// SIGINT, and two seconds later SIGKILL. Children of other tiers are not meant.
    pub fn request_cancel(&self, principal: &Principal, call_ids: &[String]) {
        for live in self.roll.select(|live| live.is_of(principal) && live.is_called(call_ids)) {
            live.stop.cancel();
        }
    }

    /// The principal is removed or disabled: everything of it is killed and forgotten at once.
    pub fn end_principal(&self, principal: &Principal) {
        self.end(|live| live.is_of(principal), |kept| kept.child.owner.principal.as_ref() == Some(principal));
    }

    /// A capsule's load, by its session id, is over: everything it started is killed and forgotten at once.
    pub fn end_load(&self, capsule: Uuid) {
        self.end(|live| live.is_of_load(capsule), |kept| kept.child.owner.capsule_uuid == capsule);
    }

    fn end(&self, live: impl Fn(&Live) -> bool, kept: impl Fn(&Kept) -> bool) {
        for live in self.roll.select(live) {
            live.stop.retire();
            if let Some(child) = live.child() {
                child.kill(Reason::Killed);
            }
        }
        for kept in self.registry.select(kept) {
            kept.child.disarm();
            self.registry.remove(&kept);
        }
    }

    /// The host stops: nothing is started any more, SIGTERM to everything, SIGKILL after five seconds. Done
    /// when everything is gone, or after five seconds more.
    pub async fn shutdown(&self) {
        self.roll.close();
        let all = self.roll.select(|_| true);
        for live in &all {
            live.stop.cancel();
            if let Some(child) = live.child() {
                child.terminate(Reason::Shutdown);
            }
        }
        if timeout(REAP_GRACE, self.roll.empty()).await.is_err() {
            for live in self.roll.select(|_| true) {
                live.stop.retire();
                if let Some(child) = live.child() {
                    child.kill(Reason::Shutdown);
                }
            }
            // Who cannot be killed does not hold the host.
            let _ = timeout(REAPED, self.roll.empty()).await;
        }
    }

    /// Two shares of the ids that may be kept, or none.
    pub(crate) fn retain(&self, entry: &Entry) -> Result<Vec<Permit>, Error> {
        let call = entry.call();
        let own = (call.principal().cloned(), Some(call.capsule().clone()));
        let all = (None, Some(call.capsule().clone()));
        let take = |account, resource: &'static Resource| {
            let limit = entry.limit(resource).min(resource.default);
            self.retained.take(account, 1, resource, limit).map_err(|full| Error::RegistryFull(full.limit))
        };
        Ok(vec![take(own, &RETAINED)?, take(all, &RETAINED_OF_CAPSULE)?])
    }

    /// A place among the principal's children, and its share of the kernel's budget.
    pub(crate) fn place(&self, entry: &Entry) -> Result<Vec<Permit>, Error> {
        let limit = entry.limit(&BACKGROUND).min(self.most_background);
        let who = entry.call().principal().cloned();
        let place = self.running.take(who, 1, &BACKGROUND, limit);
        let place = place.map_err(|full| Error::TooMany { what: full.resource, limit: full.limit })?;
        Ok(vec![place, entry.reserve(&BACKGROUND, 1)?])
    }

    /// Keeps a child until its times are over, and its id some time longer.
    pub(crate) fn keep(&self, keep: Keep, child: Arc<Child>) -> Arc<Kept> {
        let kept = self.registry.insert(keep, child);
        self.clock();
        self.timers.keep(&kept);
        let (registry, timers) = (self.registry.clone(), self.timers.clone());
        let (child, weak) = (kept.child.clone(), Arc::downgrade(&kept));
        tokio::spawn(async move {
            let ended = child.end().await;
            let Some(kept) = weak.upgrade() else { return };
            if kept.terms.retention.is_zero() {
                registry.remove(&kept);
            } else {
                timers.at(ended.at + kept.terms.retention, Due::Forget(weak));
            }
        });
        kept
    }

    /// The one task that all times need, begun with the first child that has one.
    fn clock(&self) {
        self.clock.get_or_init(|| tokio::spawn(self.timers.clone().run()));
    }

    /// Ends a child that another principal's call let go of: politely, and not within that call.
    pub(crate) fn detach(&self, child: Arc<Child>) {
        tokio::spawn(async move {
            child.terminate(Reason::Killed);
            tokio::select! {
                _ = child.end() => {}
                () = sleep(DETACHED_GRACE) => {
                    child.kill(Reason::Killed);
                }
            }
        });
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        if let Some(clock) = self.clock.get() {
            clock.abort();
        }
        self.roll.close();
        for live in self.roll.select(|_| true) {
            live.stop.retire();
            if let Some(child) = live.child() {
                child.kill(Reason::Shutdown);
            }
        }
    }
}

impl ProcessesBuilder {
    /// Who hears of children that are watched.
    #[must_use]
    pub fn events(mut self, events: Arc<dyn Lifecycle>) -> Self {
        self.events = events;
        self
    }

    /// Bytes of input a child may be given altogether; [`MAX_STDIN`] if not set.
    #[must_use]
    pub fn most_stdin(mut self, bytes: u64) -> Self {
        self.most_stdin = bytes;
        self
    }

    /// Background and persistent children of one principal, whatever its profile says; at most, and if not set,
    /// [`HOST_BACKGROUND`].
    #[must_use]
    pub fn most_background(mut self, children: u64) -> Self {
        self.most_background = children.min(HOST_BACKGROUND);
        self
    }

    /// The finished value, with fresh keys.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn build(self) -> Result<Arc<Processes>, Error> {
        let Self { launcher, grounds, events, most_stdin, most_background } = self;
        let registry = Arc::new(Registry::default());
        Ok(Arc::new(Processes {
            launcher,
            grounds,
            events,
            most_stdin,
            most_background,
            ids: Ids::new()?,
            cursors: Cursors::new()?,
            timers: Timers::new(registry.clone()),
            registry,
            roll: Arc::default(),
            turns: Turns::default(),
            clock: OnceLock::new(),
            running: Held::default(),
            retained: Held::default(),
        }))
    }
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processes").field("running", &self.running()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ProcessesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessesBuilder").finish_non_exhaustive()
    }
}
