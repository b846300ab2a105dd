//! One ordered queue: the events of one principal for one capsule, one at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::capsule::BoxFuture;

/// Events that may wait for one (capsule, principal); beyond it publishers wait (ipc chapter §1.1).
pub(super) const CAPACITY: usize = 64;

/// One event's work. Whatever follows from its end happens before the next job starts, so that
/// chains of events keep their order.
pub(super) type Job = BoxFuture<'static, ()>;

/// A place in a queue, given back when the job starts or the place is dropped unused.
#[derive(Debug)]
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
}

/// The queue. Its worker is a task that exists only while there is work.
pub(super) struct Lane {
    slots: Arc<Semaphore>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<(Slot, Job)>,
    working: bool,
}

impl Lane {
    pub(super) fn new() -> Self {
        Self { slots: Arc::new(Semaphore::new(CAPACITY)), queue: Mutex::default() }
    }

    /// A place, waiting for one to become free. The semaphore serves waiters in order.
    pub(super) async fn reserve(&self) -> Option<Slot> {
        self.slots.clone().acquire_owned().await.ok().map(|_permit| Slot { _permit })
    }

    /// A place, if one is free now.
    pub(super) fn try_reserve(&self) -> Option<Slot> {
        self.slots.clone().try_acquire_owned().ok().map(|_permit| Slot { _permit })
    }

    /// Queues `job` behind what is there. Never waits.
    pub(super) fn push(self: &Arc<Self>, slot: Slot, job: Job) {
        let mut queue = self.queue.lock();
        queue.jobs.push_back((slot, job));
        if !std::mem::replace(&mut queue.working, true) {
            tokio::spawn(self.clone().work());
        }
    }

    /// Drops what is queued; the running job is not touched.
    pub(super) fn clear(&self) {
        let jobs = std::mem::take(&mut self.queue.lock().jobs);
        drop(jobs);
    }

    /// True while nothing runs, waits or has a place reserved.
    pub(super) fn is_idle(&self) -> bool {
        let queue = self.queue.lock();
        !queue.working && queue.jobs.is_empty() && self.slots.available_permits() == CAPACITY
    }

    async fn work(self: Arc<Self>) {
        while let Some((slot, job)) = self.next() {
            drop(slot);
            // A job that panics must not take the queue with it.
            if let Err(error) = tokio::spawn(job).await {
                tracing::error!(%error, "dispatching an event failed");
            }
        }
    }

    fn next(&self) -> Option<(Slot, Job)> {
        let mut queue = self.queue.lock();
        let next = queue.jobs.pop_front();
        queue.working = next.is_some();
        next
    }
}
