//! One ordered queue: the events of one principal for one capsule, one at a time.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::chain::Job;
use crate::core::Core;
use crate::fate::Reason;
use crate::limits::QUEUE_CAPACITY;
use crate::task::Task;

/// The queue. Its worker is a task that exists only while there is work.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Unique in its dispatcher.
    pub(crate) id: u64,
    core: Weak<Core>,
    slots: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    jobs: VecDeque<(OwnedSemaphorePermit, Task)>,
    /// Events of the host that found the queue full, by their number in the backlog. While there are
    /// any, no slot is free for others: they were first.
    late: VecDeque<(u64, Job)>,
    working: bool,
    closed: bool,
    idle_since: Instant,
}

/// A place in a queue, given back when it is dropped unused.
#[derive(Debug)]
pub(crate) struct Slot {
    lane: Arc<Lane>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lane {
    pub(crate) fn new(core: &Arc<Core>, id: u64) -> Self {
        let state = State {
            jobs: VecDeque::new(),
            late: VecDeque::new(),
            working: false,
            closed: false,
            idle_since: Instant::now(),
        };
        let slots = Arc::new(Semaphore::new(QUEUE_CAPACITY));
        Self { id, core: Arc::downgrade(core), slots, state: Mutex::new(state) }
    }

    /// A place, waiting for one to become free, in order of arrival; `None` once the queue is closed.
    pub(crate) async fn reserve(self: &Arc<Self>) -> Option<Slot> {
        let permit = self.slots.clone().acquire_owned().await.ok();
        permit.map(|permit| Slot { lane: self.clone(), permit: Some(permit) })
    }

    /// A place, if one is free now.
    pub(crate) fn try_reserve(self: &Arc<Self>) -> Option<Slot> {
        let permit = self.slots.clone().try_acquire_owned().ok();
        permit.map(|permit| Slot { lane: self.clone(), permit: Some(permit) })
    }

    /// Queues `task` behind what is there. Never waits.
    pub(crate) fn push(self: &Arc<Self>, core: &Arc<Core>, mut slot: Slot, task: Task) {
        let Some(permit) = slot.permit.take() else { return };
        let mut state = self.state.lock();
        if state.closed {
            drop(state);
            return task.discard(Reason::Unloaded);
        }
        state.jobs.push_back((permit, task));
        self.start(core, &mut state);
    }

    /// Queues `job` if there is room, else lets it wait for room as number `number` of the backlog;
    /// false if it needs no place there.
    pub(crate) fn push_late(self: &Arc<Self>, core: &Arc<Core>, number: u64, job: Job) -> bool {
        let mut state = self.state.lock();
        if state.closed {
            drop(state);
            job.discard(Reason::Unloaded);
            return false;
        }
        match self.slots.clone().try_acquire_owned() {
            Ok(permit) => {
                state.jobs.push_back((permit, Task::Event(job)));
                self.start(core, &mut state);
                false
            }
            Err(_) => {
                state.late.push_back((number, job));
                true
            }
        }
    }

    /// Takes the oldest late event out again, if it is `number`.
    pub(crate) fn take_late(&self, number: u64) -> Option<Job> {
        let mut state = self.state.lock();
        let first = state.late.front().is_some_and(|(first, _)| *first == number);
        if first { state.late.pop_front().map(|(_, job)| job) } else { None }
    }

    /// Refuses what comes, and returns what waited; the running job is not touched.
    pub(crate) fn close(&self) -> Vec<Task> {
        self.slots.close();
        let mut state = self.state.lock();
        state.closed = true;
        let queued = std::mem::take(&mut state.jobs).into_iter().map(|(_, job)| job);
        let late = std::mem::take(&mut state.late).into_iter().map(|(_, job)| Task::Event(job));
        queued.chain(late).collect()
    }

    /// True while a handler runs, or is about to.
    pub(crate) fn is_working(&self) -> bool {
        self.state.lock().working
    }

    /// Since when nothing runs, waits or has a place reserved; `None` while something does.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        let idle = !state.working
            && state.jobs.is_empty()
            && state.late.is_empty()
            && self.slots.available_permits() == QUEUE_CAPACITY;
        idle.then_some(state.idle_since)
    }

    /// Events that wait, the late ones included.
    pub(crate) fn len(&self) -> usize {
        let state = self.state.lock();
        state.jobs.len() + state.late.len()
    }

    fn start(self: &Arc<Self>, core: &Arc<Core>, state: &mut State) {
        if !std::mem::replace(&mut state.working, true) {
            core.spawn(self.clone().work(core.clone()));
        }
    }

    async fn work(self: Arc<Self>, core: Arc<Core>) {
        while let Some(job) = self.next(&core) {
            // A job that panics must not take the queue with it.
            if AssertUnwindSafe(job.run(&core)).catch_unwind().await.is_err() {
                tracing::error!(target: "astrid.dispatch", "handling an event panicked");
            }
        }
    }

    fn next(&self, core: &Core) -> Option<Task> {
        let (job, late) = {
            let mut state = self.state.lock();
            let Some((permit, job)) = state.jobs.pop_front() else {
                state.working = false;
                state.idle_since = Instant::now();
                return None;
            };
            (job, state.recycle(permit))
        };
        late.into_iter().for_each(|number| core.backlog.forget(number));
        Some(job)
    }
}

impl State {
    /// A freed place is the oldest late event's, whose number is returned, or else anybody's.
    fn recycle(&mut self, permit: OwnedSemaphorePermit) -> Option<u64> {
        let (number, job) = self.late.pop_front()?;
        self.jobs.push_back((permit, Task::Event(job)));
        Some(number)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let core = self.lane.core.upgrade();
        let late = {
            let mut state = self.lane.state.lock();
            let late = state.recycle(permit);
            // Where all places were merely reserved nobody works, and nobody else would begin.
            if let (Some(_), Some(core)) = (late, &core) {
                self.lane.start(core, &mut state);
            }
            late
        };
        if let (Some(number), Some(core)) = (late, core) {
            core.backlog.forget(number);
        }
    }
}
