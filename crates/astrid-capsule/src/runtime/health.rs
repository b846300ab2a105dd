//! Noticing capsules that died, and restarting them.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use astrid_host_context::Uuid;
use parking_lot::Mutex;
use serde_json::json;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::events::{announce, lifecycle};
use super::restart::{Cause, restart};
use super::snapshot::Seen;
use super::{Inner, jobs};
use crate::State;

/// How often capsules are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Restarts of one capsule before an operator has to look.
const MAX_ATTEMPTS: u32 = 5;
/// The first wait; each next one is twice as long, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// A restarted capsule that lives this long has its attempts back.
const RECOVERED: Duration = Duration::from_secs(60);

/// The monitor of one runtime.
#[derive(Default)]
pub(crate) struct Health {
    /// By session id of the instance that is cared for: an instance that took its place inherits the entry, one that
    /// an operator loaded has none.
    patients: Mutex<HashMap<Uuid, Patient>>,
    task: Mutex<Option<AbortHandle>>,
}

#[derive(Debug, Clone, Default)]
struct Patient {
    attempts: u32,
    /// When its last restart succeeded.
    alive_since: Option<Instant>,
    /// Somebody is at it, or gave up.
    busy: bool,
}

/// The wait before a restart, counted from 1; `None` when there are no more.
fn wait_before(attempt: u32) -> Option<Duration> {
    let doubled = FIRST_WAIT.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1)));
    (attempt <= MAX_ATTEMPTS).then(|| doubled.min(LONGEST_WAIT))
}

impl Health {
    /// Starts looking, once.
    pub(super) fn watch(&self, runtime: &Arc<Inner>) {
        let mut task = self.task.lock();
        if task.is_none() {
            *task = Some(tokio::spawn(look_after(Arc::downgrade(runtime))).abort_handle());
        }
    }

    /// True once the runtime was booted, and until it shuts down.
    pub(super) fn is_watching(&self) -> bool {
        self.task.lock().is_some()
    }

    /// Ends every attempt: the runtime shuts down.
    pub(super) fn stop(&self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
        self.patients.lock().clear();
    }

    /// An operator deals with the capsule: what was counted is forgotten, what is under way finds itself superseded.
    pub(super) fn forget(&self, capsule: Uuid) {
        self.patients.lock().remove(&capsule);
    }

    /// Takes a capsule on that failed; `None` if somebody is at it.
    fn admit(&self, capsule: Uuid) -> Option<Patient> {
        let mut patients = self.patients.lock();
        let patient = patients.entry(capsule).or_default();
        if std::mem::replace(&mut patient.busy, true) {
            return None;
        }
        Some(patient.clone())
    }

    fn recovered(&self, capsule: Uuid) {
        let mut patients = self.patients.lock();
        let well = |patient: &Patient| patient.alive_since.is_some_and(|since| since.elapsed() >= RECOVERED);
        if patients.get(&capsule).is_some_and(|patient| !patient.busy && well(patient)) {
            patients.remove(&capsule);
        }
    }

    /// Whether the attempt for this instance still is the one to make.
    fn cares_for(&self, capsule: Uuid) -> bool {
        self.patients.lock().get(&capsule).is_some_and(|patient| patient.busy)
    }

    fn succeeded(&self, old: Uuid, new: Uuid, attempts: u32) {
        let mut patients = self.patients.lock();
        // Forgotten meanwhile: an operator's reload starts with a clean slate.
        if patients.remove(&old).is_some() {
            patients.insert(new, Patient { attempts, alive_since: Some(Instant::now()), busy: false });
        }
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn look_after(weak: Weak<Inner>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(runtime) = weak.upgrade() else { return };
        let snapshot = runtime.registry.snapshot();
        runtime
            .health
            .patients
            .lock()
            .retain(|capsule, patient| patient.busy || snapshot.find(*capsule).is_some());
        for seen in snapshot.all() {
            match seen.capsule.state() {
                State::Failed(reason) => notice(&runtime, seen, &reason),
                State::Ready | State::Degraded(_) => runtime.health.recovered(seen.capsule.source_uuid()),
                // Being unloaded or replaced.
                State::Unloaded | State::Loading | State::Unloading => {}
            }
        }
    }
}

fn notice(runtime: &Arc<Inner>, seen: &Seen, reason: &str) {
    let capsule = seen.capsule.source_uuid();
    let Some(patient) = runtime.health.admit(capsule) else { return };
    let id = seen.capsule.id().to_owned();
    tracing::error!(capsule = id, reason, attempts = patient.attempts, "capsule failed");
    jobs::stopped(runtime, &id);
    let event = json!({ "capsule_id": id, "principal": seen.owner.as_str(), "reason": reason });
    announce(&runtime.bus, "astrid.v1.health.failed", &event, None);
    let fields = [("capsule_id", id.as_str().into()), ("error", reason.into())];
    lifecycle(&runtime.bus, "capsule_failed", &fields);
    tokio::spawn(revive(Arc::downgrade(runtime), capsule, id, reason.to_owned(), patient.attempts));
}

async fn revive(weak: Weak<Inner>, capsule: Uuid, id: String, reason: String, mut attempts: u32) {
    while let Some(wait) = wait_before(attempts + 1) {
        tokio::time::sleep(wait).await;
        attempts += 1;
        let Some(runtime) = weak.upgrade() else { return };
        if !runtime.health.cares_for(capsule) {
            return;
        }
        let cause = Cause { reason: &reason, attempt: attempts };
        match restart(&runtime, capsule, cause).await {
            Ok(new) => {
                tracing::info!(capsule = id, attempts, "capsule restarted");
                return runtime.health.succeeded(capsule, new.source_uuid(), attempts);
            }
            Err(error) => tracing::error!(capsule = id, attempts, %error, "restart failed"),
        }
    }
    // It stays admitted, so that nobody tries again before an operator does.
    tracing::error!(capsule = id, attempts, reason, "given up; reload the capsule once it is repaired");
}

#[cfg(test)]
mod tests {
    use super::*;

    // lifecycle case 18
    #[test]
    fn waits_double_from_two_seconds_and_end_after_the_fifth() {
        let waits: Vec<_> = (1..=6).map(|attempt| wait_before(attempt).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(2), Some(4), Some(8), Some(16), Some(32), None]);
    }
}
