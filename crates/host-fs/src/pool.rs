//! The bounded pool of threads that file work runs on, shared fairly.
//!
//! Jobs wait in one queue for each (capsule, principal); threads take from the queues in turn, and one
//! of them never occupies more than its part of the threads. A file system that stalls for one capsule
//! so leaves threads for the others.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use astrid_host_context::{Entry, Scope};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::fault::{Fault, Text};

/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

const QUEUED: u8 = 0;
const STARTED: u8 = 1;
const WITHDRAWN: u8 = 2;

type Work = Box<dyn FnOnce() + Send>;

/// Threads for file work. A clone is the same pool.
#[derive(Clone)]
pub struct BlockingPool(Arc<Shared>);

struct Shared {
    threads: usize,
    each: usize,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    lanes: HashMap<Scope, Lane>,
    /// Scopes with a job that may start, in turn.
    ready: VecDeque<Scope>,
    running: usize,
    idle: usize,
}

#[derive(Default)]
struct Lane {
    jobs: VecDeque<Job>,
    running: usize,
    is_ready: bool,
}

struct Job {
    stage: Arc<AtomicU8>,
    work: Work,
}

impl BlockingPool {
    /// At most `threads` threads, made when needed, of which one (capsule, principal) occupies at most
    /// a quarter, rounded up. Both are at least one.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let threads = threads.max(1);
        let each = threads.div_ceil(4);
        Self(Arc::new(Shared { threads, each, state: Mutex::default(), work: Condvar::new() }))
    }

    /// The process's own pool: four threads a core, at least sixteen, because file work mostly waits.
    #[must_use]
    pub fn shared() -> Self {
        static SHARED: OnceLock<BlockingPool> = OnceLock::new();
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        SHARED.get_or_init(|| Self::new((cores() * 4).max(16))).clone()
    }

    /// Runs `work` on a thread and waits for it. Until it starts, the call's token withdraws it without
    /// effect; then its end is awaited.
    ///
    /// # Errors
    /// `unknown("cancelled")` if it was withdrawn; `unknown("out of memory")` if no thread can be had.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        entry: &Entry,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let (answer, mut answered) = oneshot::channel();
        let stage = Arc::new(AtomicU8::new(QUEUED));
        let ticket = Ticket(stage.clone());
        let work = Box::new(move || {
            // Nobody listens any more once the store is gone; the work was wanted all the same.
            let _ = answer.send(work());
        });
        self.submit(entry.call().scope(), Job { stage, work });
        match entry.race(&mut answered).await {
            Ok(answer) => answer.map_err(|_| Fault::Unknown(Text::OutOfMemory)),
            Err(_) if ticket.withdraw() => Err(Fault::Unknown(Text::Cancelled)),
            Err(_) => answered.await.map_err(|_| Fault::Unknown(Text::OutOfMemory)),
        }
    }

    /// Drops a value where that may wait for a device.
    pub(crate) fn dispose(&self, scope: Scope, value: impl Send + 'static) {
        let stage = Arc::new(AtomicU8::new(QUEUED));
        self.submit(scope, Job { stage, work: Box::new(move || drop(value)) });
    }

    fn submit(&self, scope: Scope, job: Job) {
        let mut state = self.0.state.lock();
        let lane = state.lanes.entry(scope.clone()).or_default();
        lane.jobs.push_back(job);
        if !lane.is_ready && lane.running < self.0.each {
            lane.is_ready = true;
            state.ready.push_back(scope);
        }
        let more = self.0.wake(&mut state);
        drop(state);
        if more {
            self.0.start_thread();
        }
    }
}

impl Shared {
    /// Sees to it that somebody takes what is ready; true if a thread, already counted, is to be started.
    fn wake(&self, state: &mut State) -> bool {
        if state.idle > 0 {
            self.work.notify_one();
            return false;
        }
        let more = state.running < self.threads;
        if more {
            state.running += 1;
        }
        more
    }

    fn start_thread(self: &Arc<Self>) {
        let shared = self.clone();
        let started = std::thread::Builder::new().name("astrid-fs".into()).spawn(move || shared.serve());
        if started.is_err() {
            let mut state = self.state.lock();
            state.running -= 1;
            if state.running == 0 {
                // Nobody would ever take them: their callers hear of it by the closed channel.
                state.lanes.clear();
                state.ready.clear();
            }
        }
    }

    fn serve(self: &Arc<Self>) {
        while let Some((scope, job)) = self.next() {
            if job.stage.compare_exchange(QUEUED, STARTED, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                // A panic is a bug of ours; its call hears of it by the closed channel, the thread goes on.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job.work));
            }
            self.done(scope);
        }
    }

    fn next(self: &Arc<Self>) -> Option<(Scope, Job)> {
        let mut state = self.state.lock();
        loop {
            while let Some(scope) = state.ready.pop_front() {
                let Some(lane) = state.lanes.get_mut(&scope) else { continue };
                let job = lane.jobs.pop_front();
                lane.is_ready = false;
                let Some(job) = job else { continue };
                lane.running += 1;
                if lane.running < self.each && !lane.jobs.is_empty() {
                    lane.is_ready = true;
                    state.ready.push_back(scope.clone());
                }
                let more = !state.ready.is_empty() && self.wake(&mut state);
                drop(state);
                if more {
                    self.start_thread();
                }
                return Some((scope, job));
            }
            state.idle += 1;
            let waited = self.work.wait_for(&mut state, IDLE);
            state.idle -= 1;
            if waited.timed_out() && state.ready.is_empty() {
                state.running -= 1;
                return None;
            }
        }
    }

    fn done(&self, scope: Scope) {
        let mut state = self.state.lock();
        let Some(lane) = state.lanes.get_mut(&scope) else { return };
        lane.running -= 1;
        if lane.jobs.is_empty() {
            if lane.running == 0 {
                state.lanes.remove(&scope);
            }
        } else if !lane.is_ready {
            lane.is_ready = true;
            state.ready.push_back(scope);
        }
    }
}

/// Takes a job back that has not started, at the latest when its call is dropped.
struct Ticket(Arc<AtomicU8>);

impl Ticket {
    fn withdraw(&self) -> bool {
        self.0.compare_exchange(QUEUED, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.lock();
        f.debug_struct("BlockingPool")
            .field("threads", &self.0.threads)
            .field("running", &state.running)
            .field("waiting", &state.lanes.values().map(|lane| lane.jobs.len()).sum::<usize>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use astrid_host_context::{CallContext, CapsuleId, HostServices, Principal};

    use super::*;
    use crate::op_table::STAT;

    fn entry(principal: &str) -> Entry {
        let call = CallContext::builder(CapsuleId::parse("c").unwrap())
            .principal(Principal::parse(principal).unwrap())
            .build();
        Entry::new(&call, &HostServices::ruled_by(|_| Ok(())), &STAT)
    }

    // fs case 53, without FUSE: the stall is a channel nobody sends on
    #[tokio::test]
    async fn one_principal_that_stalls_leaves_threads_for_another() {
        let pool = BlockingPool::new(4);
        let mut stalled = Vec::new();
        let mut release = Vec::new();
        for _ in 0..1000 {
            let (pool, (send, receive)) = (pool.clone(), mpsc::channel::<()>());
            release.push(send);
            stalled.push(tokio::spawn(async move {
                pool.run(&entry("alice"), move || receive.recv().is_err()).await
            }));
        }
        tokio::task::yield_now().await;
        assert_eq!(pool.run(&entry("bob"), || 7).await, Ok(7));
        drop(release);
        for call in stalled {
            assert_eq!(call.await.unwrap(), Ok(true));
        }
    }

    #[tokio::test]
    async fn a_queued_job_whose_token_fires_never_runs() {
        let pool = BlockingPool::new(1);
        let (send, receive) = mpsc::channel::<()>();
        let (began, beginning) = oneshot::channel();
        let first = tokio::spawn({
            let pool = pool.clone();
            async move {
                let work = move || {
                    let _ = began.send(());
                    receive.recv().is_err()
                };
                pool.run(&entry("alice"), work).await
            }
        });
        beginning.await.unwrap();
        let waiting = entry("alice");
        let (mut ran, watch) = oneshot::channel::<()>();
        let token = waiting.call().cancellation().clone();
        let second = async { pool.run(&waiting, move || drop(watch)).await };
        let (second, ()) = tokio::join!(second, async { token.cancel() });
        assert_eq!(second, Err(Fault::Unknown(Text::Cancelled)));
        assert!(!ran.is_closed());
        drop(send);
        assert_eq!(first.await.unwrap(), Ok(true));
        // The withdrawn job is dropped, and with it what it held, but it is not run.
        ran.closed().await;
    }

    #[tokio::test]
    async fn a_job_that_panics_is_an_error_and_costs_no_thread() {
        let pool = BlockingPool::new(1);
        let failed = pool.run(&entry("alice"), || panic!("a bug")).await;
        assert_eq!(failed, Err::<(), _>(Fault::Unknown(Text::OutOfMemory)));
        assert_eq!(pool.run(&entry("alice"), || 1).await, Ok(1));
    }
}
