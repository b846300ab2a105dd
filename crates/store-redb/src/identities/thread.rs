//! The one thread that asks the database, and what it asks with.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use astrid_host_identity::{Answer, Change, Commit, StoreError};
use parking_lot::Mutex;
use redb::{ReadOnlyTable, ReadableDatabase};
use tokio::sync::{oneshot, watch};

use super::change::Rows;
use super::record::Seal;
use super::records::{Records, failed};
use super::reports::Reports;
use crate::directory::Database;
use crate::engine::ROWS;

/// The database with what its records are judged by.
pub(super) struct Engine {
    database: Database,
    pub(super) seal: Seal,
    reports: Arc<Reports>,
}

type Snapshot = ReadOnlyTable<&'static [u8], &'static [u8]>;

impl Engine {
    pub(super) fn new(database: Database, seal: Seal, reports: Arc<Reports>) -> Self {
        Self { database, seal, reports }
    }

    pub(super) fn records<'a, R>(&'a self, rows: &'a R) -> Records<'a, R> {
        Records { rows, seal: &self.seal, reports: &self.reports }
    }

    /// Reads of one moment.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Records<'_, Snapshot>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let rows = self.database.redb.begin_read().map_err(failed)?.open_table(ROWS).map_err(failed)?;
        work(&self.records(&rows))
    }

    /// One transaction, on disk when this returns, and none at all after an error of `work`.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&mut Rows<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.database.redb.begin_write().map_err(failed)?;
        let worked = {
            let mut table = transaction.open_table(ROWS).map_err(failed)?;
            work(&mut table)
        };
        match worked {
            Ok(done) => {
                self.database.commit(transaction).map_err(|error| StoreError::Io(error.to_string()))?;
                Ok(done)
            }
            Err(error) => {
                transaction.abort().map_err(failed)?;
                Err(error)
            }
        }
    }

    pub(super) fn change(&self, change: Change, commit: &Commit) -> Result<u64, StoreError> {
        self.write(|table| self.apply(table, change, commit))
    }
}

/// What the thread is given: work, or the reason why there is nothing to work with.
type Job = Box<dyn FnOnce(Result<&Engine, &str>) -> Option<String> + Send>;

/// The thread's handle. Whoever calls waits on no thread of the runtime's.
pub(super) struct Thread {
    /// None once closed. The engine's callers bound what waits.
    jobs: Mutex<Option<Sender<Job>>>,
    ended: watch::Receiver<()>,
}

impl Thread {
    pub(super) fn start(engine: Engine) -> io::Result<Self> {
        let (jobs, todo) = channel();
        let (end, ended) = watch::channel(());
        std::thread::Builder::new().name("identities".to_owned()).spawn(move || {
            serve(&todo, engine);
            drop(end);
        })?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), ended })
    }

    /// Runs `work` on the thread. After an error of the database nothing is run any more: nobody knows then what is
    /// on disk.
    pub(super) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<'_, T> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |engine| {
            let done = engine.map_err(|why| StoreError::Closed(why.to_owned())).and_then(|engine| {
                let worked = catch_unwind(AssertUnwindSafe(|| work(engine)));
                worked.unwrap_or_else(|_| Err(StoreError::Closed("the engine panicked".to_owned())))
            });
            let failure = match &done {
                Err(error @ (StoreError::Io(_) | StoreError::Closed(_))) => Some(error.to_string()),
                _ => None,
            };
            // Whoever asked may be gone; what happened stays as it is.
            drop(reply.send(done));
            failure
        });
        let sent = self.jobs.lock().as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        let closed = || StoreError::Closed("closed by its owner".to_owned());
        Box::pin(async move {
            if !sent {
                return Err(closed());
            }
            answer.await.unwrap_or_else(|_| Err(closed()))
        })
    }

    pub(super) async fn close(&self) {
        drop(self.jobs.lock().take());
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

/// Until nobody can ask any more.
fn serve(todo: &Receiver<Job>, engine: Engine) {
    let mut failure: Option<String> = None;
    for job in todo {
        let failed = match &failure {
            None => job(Ok(&engine)),
            Some(why) => job(Err(why)),
        };
        if let Some(why) = failed.filter(|_| failure.is_none()) {
            tracing::error!(target: "astrid.identity", "identity store failed; reopen it: {why}");
            failure = Some(why);
        }
    }
    // Damage may make it panic while it closes.
    drop(catch_unwind(AssertUnwindSafe(|| drop(engine))));
}
