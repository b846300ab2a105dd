//! The one thread that changes the database: takes a group of jobs, applies each in one transaction,
//! commits once, then tells everybody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_host_kv::{Applied, Mutation, StoreError};

use crate::apply::{Rows, drop_step, entomb};
use crate::cache::Touched;
use crate::directory::redb_error;
use crate::engine::{Engine, ROWS, is_dropping};
use crate::layout;
use crate::namespace::Namespace;
use crate::queue::{Alone, Job, Next, Reply, Work};
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
}

/// Runs until the queue is closed and empty. A failure, or a panic of the engine, closes it.
pub(crate) fn run(shared: &Arc<Shared>, engine: Arc<Engine>) {
    let work = catch_unwind(AssertUnwindSafe(|| serve(shared, &engine)));
    if let Err(error) = work.unwrap_or_else(|_| Err(panicked())) {
        shared.fail(&error);
    }
    shared.queue.close();
    while let Next::Job(job) = shared.queue.next() {
        refuse(job, &shared.closed());
    }
    drop(shared.engine.write().take());
    // Readers may hold it still; the last one lets the directory go.
    drop(catch_unwind(AssertUnwindSafe(|| drop(engine))));
}

fn panicked() -> StoreError {
    StoreError::Closed("the engine panicked".to_owned())
}

fn serve(shared: &Shared, engine: &Engine) -> Result<(), StoreError> {
    let (mut unflushed, mut usual) = (None::<Instant>, 0);
    loop {
        let patience = unflushed.map(|since| RELAXED_FLUSH.saturating_sub(since.elapsed()));
        let first = match shared.queue.wait(patience) {
            Next::Job(job) => Some(job),
            Next::Idle => None,
            Next::Closed => {
                return if unflushed.is_some() { flush(shared, engine) } else { Ok(()) };
            }
        };
        if let Some(job) = first {
            let (group, changed, alone) = collect(shared, engine, job, usual)?;
            usual = group.len();
            if changed && shared.durability == Durability::Relaxed {
                unflushed.get_or_insert_with(Instant::now);
            }
            if !group.is_empty() {
                shared.stats.group(group.len());
            }
            group.into_iter().for_each(|settled| settled.tell(None));
            if let Some(work) = alone {
                shared.changes.during_any(|| shared.cache.during_any(|| work(Ok(engine))));
            }
        }
        if unflushed.is_some_and(|since| since.elapsed() >= RELAXED_FLUSH) {
            flush(shared, engine)?;
            unflushed = None;
        }
    }
}

/// Makes durable what was acknowledged before.
fn flush(shared: &Shared, engine: &Engine) -> Result<(), StoreError> {
    let transaction = engine.begin()?;
    shared.stats.time_flush(|| engine.database.commit(transaction))
}

/// Applies jobs until the group is full, and commits them as one step. On a failure everybody of the
/// group is told of it, and nobody of a success that is in doubt. Also says whether anything changed,
/// and hands back the job that ended the group because it wants the engine to itself.
fn collect(
    shared: &Shared,
    engine: &Engine,
    first: Job,
    usual: usize,
) -> Result<(Vec<Settled>, bool, Option<Alone>), StoreError> {
    let (mut group, mut alone) = (Vec::new(), None);
    let mut touched: Vec<(Arc<Namespace>, Touched)> = Vec::new();
    let result = (|| {
        let transaction = engine.begin()?;
        {
            let mut rows = transaction.open_table(ROWS).map_err(redb_error)?;
            let (mut bytes, started, mut next) = (0, Instant::now(), Some(first));
            while let Some(job) = next {
                bytes += job.payload();
                let job = match job.work {
                    Work::Alone(work) => {
                        alone = Some(work);
                        break;
                    }
                    work => Job { work, ..job },
                };
                let touches = (job.namespace.clone(), job.touches());
                if perform(shared, engine, &mut rows, &mut group, job)? {
                    touched.push(touches);
                }
                let full =
                    group.len() >= GROUP_JOBS || bytes >= GROUP_BYTES || started.elapsed() >= GROUP_TIME;
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
        }
        if touched.is_empty() {
            return transaction.abort().map_err(redb_error);
        }
        let commit = || match shared.durability {
            Durability::Flushed => shared.stats.time_flush(|| engine.database.commit(transaction)),
            Durability::Relaxed => engine.database.commit_relaxed(transaction),
        };
        let touched = touched.iter().map(|(namespace, touched)| (&*namespace.name, touched));
        let names = touched.clone().map(|(name, _)| name);
        shared.changes.during(names, || shared.cache.during(touched, commit))
    })();
    match result {
        Ok(()) => Ok((group, !touched.is_empty(), alone)),
        Err(error) => {
            // Before anybody hears of it, so that whoever does meets it at the next call too.
            shared.fail(&error);
            group.into_iter().for_each(|settled| settled.tell(Some(&error)));
            if let Some(work) = alone {
                work(Err(error.clone()));
            }
            Err(error)
        }
    }
}

/// Does one job; true if it changed anything.
fn perform(
    shared: &Shared,
    engine: &Engine,
    rows: &mut Rows<'_>,
    group: &mut Vec<Settled>,
    mut job: Job,
) -> Result<bool, StoreError> {
    let name = job.namespace.name.clone();
    match job.work {
        Work::Apply { mutation, terms, reply } => match engine.apply(rows, &name, &mutation, terms) {
            Ok((applied, changed)) => {
                group.push(Settled::Applied(reply, Ok(applied)));
                Ok(changed)
            }
            // What one row says wrongly concerns its key alone.
            Err(error @ StoreError::Corrupt(_)) => {
                group.push(Settled::Applied(reply, Err(error)));
                Ok(false)
            }
            Err(error) => {
                group.push(Settled::Applied(reply, Err(error.clone())));
                Err(error)
            }
        },
        Work::Drop { begun: false, reply } => {
            group.extend(reply.map(Settled::Dropped));
            entomb(rows, &name)?;
            job.work = Work::Drop { begun: true, reply: None };
            shared.queue.resume(job);
            Ok(true)
        }
        Work::Drop { begun: true, .. } => {
            if !is_dropping(rows, &name)? {
                return Ok(false);
            }
            if !drop_step(rows, &name)? {
                shared.queue.resume(job);
            }
            Ok(true)
        }
        Work::Alone(_) => Ok(false),
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
        }
    }
}

impl Job {
    /// What it changes, if it changes anything.
    fn touches(&self) -> Touched {
        let key = match &self.work {
            Work::Apply { mutation: Mutation::Set { key, .. }, .. }
            | Work::Apply { mutation: Mutation::Delete { key }, .. }
            | Work::Apply { mutation: Mutation::Cas { key, .. }, .. } => key,
            Work::Apply { mutation: Mutation::Clear { .. }, .. } | Work::Drop { .. } | Work::Alone(_) => {
                return Touched::Many;
            }
        };
        Touched::Row(layout::key_row(&self.namespace.name, key.as_str().as_bytes()).into())
    }

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
        Mutation::Cas { expected, new, .. } => new.len() + expected.as_ref().map_or(0, |value| value.len()),
        Mutation::Delete { .. } | Mutation::Clear { .. } => 0,
    }
}
