//! The one thread that changes the tree: takes a group of jobs, applies each, flushes once, then
//! tells everybody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_host_kv::{Applied, Mutation, StoreError};

use crate::changes::Pending;
use crate::engine::Engine;
use crate::queue::{Job, Next, Reply, Work};
use crate::{Durability, Shared};

/// A group ends at this many jobs, this much payload or this much time, whichever comes first, or
/// when nobody waits: enough to share one fsync, little enough to answer soon.
const GROUP_JOBS: usize = 256;
const GROUP_BYTES: usize = 4 << 20;
const GROUP_TIME: Duration = Duration::from_millis(2);

/// How long a group that is smaller than the one before waits for each next job: those just answered
/// need a moment to come back, and one fsync for all of them is worth it. A lone writer never waits.
const LULL: Duration = Duration::from_micros(60);

/// With relaxed durability a flush follows the first unflushed change after this long: half of the
/// exposure that is promised, which leaves as much for the flush itself.
const RELAXED_FLUSH: Duration = Duration::from_millis(50);

/// What a job leaves to be told after the flush.
enum Settled {
    Applied(Reply<Applied>, Result<Applied, StoreError>),
    Dropped(Reply<()>),
    Nothing,
}

/// Runs until the queue is closed and empty. A failure, or a panic of the engine, closes it.
pub(crate) fn run(shared: &Arc<Shared>, engine: Arc<Engine>) {
    let work = catch_unwind(AssertUnwindSafe(|| serve(shared, &engine)));
    let last = match work {
        Ok(Ok(())) => catch_unwind(AssertUnwindSafe(|| engine.directory.flush()))
            .unwrap_or_else(|_| Err(StoreError::Closed("the engine panicked".to_owned()))),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(StoreError::Closed("the engine panicked".to_owned())),
    };
    if let Err(error) = last {
        shared.fail(&error);
    }
    shared.queue.close();
    while let Next::Job(job) = shared.queue.next() {
        refuse(job, &shared.closed());
    }
    // The engine's own end waits for a thread of its own, which no runtime worker may do.
    drop(shared.engine.write().take());
    drop(engine);
}

fn serve(shared: &Shared, engine: &Engine) -> Result<(), StoreError> {
    let (mut unflushed, mut usual) = (None::<Instant>, 0);
    loop {
        let patience = unflushed.map(|since| RELAXED_FLUSH.saturating_sub(since.elapsed()));
        let first = match shared.queue.wait(patience) {
            Next::Job(job) => Some(job),
            Next::Idle => None,
            Next::Closed => return Ok(()),
        };
        let group = collect(shared, engine, first, usual)?;
        usual = group.len();
        match shared.durability {
            Durability::Flushed => {
                if let Err(error) = shared.stats.time_flush(|| engine.directory.flush()) {
                    return Err(give_up(shared, group, error));
                }
                shared.stats.group(group.len());
                group.into_iter().for_each(|settled| settled.tell(None));
            }
            Durability::Relaxed => {
                if !group.is_empty() {
                    shared.stats.group(group.len());
                    group.into_iter().for_each(|settled| settled.tell(None));
                    unflushed.get_or_insert_with(Instant::now);
                }
                if unflushed.is_some_and(|since| since.elapsed() >= RELAXED_FLUSH) {
                    shared.stats.time_flush(|| engine.directory.flush())?;
                    unflushed = None;
                }
            }
        }
    }
}

/// Applies jobs until the group is full. On a failure that leaves the tree in doubt everybody of the
/// group is told of it, and nobody of a success that was never flushed.
fn collect(
    shared: &Shared,
    engine: &Engine,
    first: Option<Job>,
    usual: usize,
) -> Result<Vec<Settled>, StoreError> {
    let (mut group, mut bytes, started) = (Vec::new(), 0, Instant::now());
    let mut pending = Pending::default();
    let mut next = first;
    while let Some(job) = next {
        bytes += job.payload();
        match perform(shared, engine, &mut pending, job) {
            Ok(settled) => group.push(settled),
            Err(error) => return Err(give_up(shared, group, error)),
        }
        let full = group.len() >= GROUP_JOBS || bytes >= GROUP_BYTES || started.elapsed() >= GROUP_TIME;
        // A job taken and put back would lose its turn, so a full group takes none.
        let waiting = match (full, group.len() < usual) {
            (true, _) => Next::Idle,
            (false, true) => shared.queue.wait(Some(LULL)),
            (false, false) => shared.queue.next(),
        };
        next = match waiting {
            Next::Job(job) => Some(job),
            Next::Idle | Next::Closed => None,
        };
    }
    match engine.seal(&mut pending) {
        Ok(()) => Ok(group),
        Err(error) => Err(give_up(shared, group, error)),
    }
}

/// Fails the store before anybody hears of it, so that whoever does meets it at the next call too.
fn give_up(shared: &Shared, group: Vec<Settled>, error: StoreError) -> StoreError {
    shared.fail(&error);
    group.into_iter().for_each(|settled| settled.tell(Some(&error)));
    error
}

fn perform(
    shared: &Shared,
    engine: &Engine,
    pending: &mut Pending,
    mut job: Job,
) -> Result<Settled, StoreError> {
    if !matches!(job.work, Work::Apply { .. }) {
        engine.seal(pending)?;
    }
    if matches!(job.work, Work::Apply { .. }) && engine.is_dropping(&job.namespace) {
        // A drop that a crash interrupted, and the namespace is wanted again: finish it first.
        while !engine.drop_step(&job.namespace)? {}
    }
    match job.work {
        Work::Apply { mutation, terms, reply } => {
            match engine.apply(pending, &job.namespace, &mutation, terms) {
                // What one row says wrongly concerns its key alone.
                result @ (Ok(_) | Err(StoreError::Corrupt(_))) => Ok(Settled::Applied(reply, result)),
                Err(error) => {
                    shared.fail(&error);
                    let _gone = reply.send(Err(error.clone()));
                    Err(error)
                }
            }
        }
        Work::Drop { begun: false, reply } => {
            engine.entomb(&job.namespace)?;
            job.work = Work::Drop { begun: true, reply: None };
            shared.queue.resume(job);
            Ok(reply.map_or(Settled::Nothing, Settled::Dropped))
        }
        Work::Drop { begun: true, .. } => {
            if engine.is_dropping(&job.namespace) && !engine.drop_step(&job.namespace)? {
                shared.queue.resume(job);
            }
            Ok(Settled::Nothing)
        }
        Work::Alone(work) => {
            work(Ok(engine));
            Ok(Settled::Nothing)
        }
    }
}

/// Answers a job that will not be done.
pub(crate) fn refuse(job: Job, error: &StoreError) {
    match job.work {
        Work::Apply { reply, .. } => drop(reply.send(Err(error.clone()))),
        Work::Drop { reply, .. } => drop(reply.map(|reply| reply.send(Err(error.clone())))),
        Work::Alone(work) => work(Err(error.clone())),
    }
}

impl Settled {
    /// Whoever asked may be gone; what happened stays as it is.
    fn tell(self, failure: Option<&StoreError>) {
        match (self, failure) {
            (Self::Applied(reply, _), Some(error)) => drop(reply.send(Err(error.clone()))),
            (Self::Applied(reply, result), None) => drop(reply.send(result)),
            (Self::Dropped(reply), Some(error)) => drop(reply.send(Err(error.clone()))),
            (Self::Dropped(reply), None) => drop(reply.send(Ok(()))),
            (Self::Nothing, _) => {}
        }
    }
}

impl Job {
    fn payload(&self) -> usize {
        match &self.work {
            Work::Apply { mutation, .. } => payload(mutation),
            Work::Drop { .. } | Work::Alone(_) => 0,
        }
    }
}

/// Bytes a mutation holds in memory.
pub(crate) fn payload(mutation: &Mutation) -> usize {
    match mutation {
        Mutation::Set { value, .. } => value.len(),
        Mutation::Cas { expected, new, .. } => new.len() + expected.as_ref().map_or(0, bytes::Bytes::len),
        Mutation::Delete { .. } | Mutation::Clear { .. } => 0,
    }
}
