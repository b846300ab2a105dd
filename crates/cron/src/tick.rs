//! The loop: who is due, who runs, how long until the next.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::entry::Look;
use crate::service::Shared;
use crate::{CronService, Firing, JobKey, MAX_FAILURES, Outcome};

/// The clock on the wall may be set while the loop waits; this long it may go unnoticed.
const NAP: Duration = Duration::from_secs(30);

impl CronService {
    /// Fires jobs until every clone of the service is gone. Spawn it once.
    pub fn run(&self) -> impl Future<Output = ()> + Send + 'static {
        let weak = Arc::downgrade(&self.shared);
        async move { while turn(&weak).await.is_some() {} }
    }
}

/// One look and one wait; `None` when the service is gone.
async fn turn(weak: &Weak<Shared>) -> Option<()> {
    let (nap, changed) = {
        let shared = weak.upgrade()?;
        let (due, wait) = look(&shared);
        for (firing, generation) in due {
            tokio::spawn(fire(weak.clone(), firing, generation));
        }
        // What is waited on holds no reference to the service, so that one nobody else holds ends.
        (shared.clock.sleep(wait), shared.changed.clone())
    };
    tokio::select! {
        () = nap => {}
        () = changed.notified() => {}
    }
    Some(())
}

/// Everything that is due now, and how long to wait for the next.
fn look(shared: &Shared) -> (Vec<(Firing, u64)>, Duration) {
    let mut due = Vec::new();
    let clock = &*shared.clock;
    let next = shared.table.lock().look(clock, |key, job, running, look| {
        let Look::Due(scheduled_at) = look else { return };
        if !running.insert(key.clone()) {
            job.skipped += 1;
            tracing::debug!(capsule = %key.capsule, job = %key.name, skipped = job.skipped, "still running, skipped");
            return;
        }
        let firing = Firing {
            key: key.clone(),
            action: job.action.clone(),
            scheduled_at,
            fired_at: clock.now(),
            arguments: job.arguments.clone(),
        };
        due.push((firing, job.generation));
    });
    (due, next.map_or(NAP, |next| next.min(NAP)))
}

async fn fire(weak: Weak<Shared>, firing: Firing, generation: u64) {
    let key = firing.key.clone();
    let Some(running) = weak.upgrade().map(|shared| shared.runner.fire(firing)) else { return };
    // In a task of its own: an action that panics is a failure of that job and of nothing else.
    let outcome = tokio::spawn(running).await.unwrap_or_else(|error| Outcome::Failed(error.to_string()));
    if let Some(shared) = weak.upgrade() {
        ended(&shared, &key, generation, outcome);
    }
}

fn ended(shared: &Shared, key: &JobKey, generation: u64, outcome: Outcome) {
    let failures = {
        let table = &mut *shared.table.lock();
        table.running.remove(key);
        // One that was replaced or unloaded meanwhile counts nothing.
        let Some(job) = table.get_mut(key).filter(|job| job.generation == generation) else { return };
        match &outcome {
            Outcome::Done => job.failures = 0,
            Outcome::Failed(_) => job.failures += 1,
            Outcome::NotNow(_) => {}
        }
        job.failures
    };
    let (capsule, job, principal) = (&key.capsule, &key.name, &key.principal);
    match outcome {
        Outcome::Done => {}
        Outcome::NotNow(reason) => tracing::debug!(%capsule, %job, %principal, reason, "not fired"),
        Outcome::Failed(reason) => {
            tracing::warn!(%capsule, %job, %principal, failures, reason, "job failed");
            if failures == MAX_FAILURES {
                shared.runner.suspended(key, &reason);
            }
        }
    }
}
