//! The handle: hands reads to the blocking pool and mutations to the writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use astrid_host_context::Scope;
use astrid_host_kv::{
    Answer, Cursor, Key, Mutation, Page, Prefix, Receipt, Store, StoreError, Terms, Usage, Value,
};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::ahead::{Ahead, Stretch};
use crate::cache::{Cache, Found};
use crate::changes::Changes;
use crate::directory::{Database, Directory, Holds, OpenError, redb_error};
use crate::engine::{Engine, Snapshot};
use crate::layout;
use crate::namespace::{Namespace, Namespaces, name_of, space_for};
use crate::options::{Durability, Options};
use crate::queue::{Job, Queue, Work};
use crate::stats::{Meter, Stats};
use crate::writer;

/// Reads on the blocking pool at a time: two a core keep the disk and the cores busy, and more would
/// only take time from the runtime's workers. At least and at most so many.
const READERS: std::ops::RangeInclusive<u32> = 4..=32;

/// Counters of changes to namespaces, for walks.
const COUNTERS: usize = 256;

/// Queue space of all namespaces together in KiB: what any number of guests can hold in memory.
const QUEUES_KIB: usize = 64 << 10;

/// A persistent [`Store`] in a directory of its own. See the crate documentation.
///
/// Dropping it lets the writer finish what is queued in the background; [`RedbStore::close`] waits for that.
pub struct RedbStore {
    shared: Arc<Shared>,
    namespaces: Arc<Namespaces>,
    readers: Arc<Semaphore>,
    /// How many permits `readers` has.
    places: u32,
    space: Arc<Semaphore>,
    ahead: Arc<Ahead>,
    ended: watch::Receiver<()>,
}

/// What handle and writer share.
pub(crate) struct Shared {
    /// None once closed.
    pub(crate) engine: RwLock<Option<Arc<Engine>>>,
    pub(crate) queue: Queue,
    pub(crate) durability: Durability,
    pub(crate) stats: Meter,
    pub(crate) changes: Changes,
    pub(crate) cache: Cache,
    failed: Mutex<Option<String>>,
}

impl Shared {
    /// Refuses everything from now on: after a failed write nobody knows what is on disk, and an
    /// fsync that is tried again may report a success that is none.
    pub(crate) fn fail(&self, error: &StoreError) {
        tracing::error!(%error, "key-value store failed; reopen it");
        self.failed.lock().get_or_insert_with(|| error.to_string());
    }

    pub(crate) fn closed(&self) -> StoreError {
        StoreError::Closed(self.failed.lock().clone().unwrap_or_else(|| "closed by its owner".to_owned()))
    }

    fn engine(&self) -> Result<Arc<Engine>, StoreError> {
        if self.failed.lock().is_some() {
            return Err(self.closed());
        }
        self.engine.read().clone().ok_or_else(|| self.closed())
    }
}

impl RedbStore {
    /// Opens or creates the store in `path`, with mode 0700, for this process alone. Waits for the
    /// disk: call it at start-up or on a blocking thread.
    ///
    /// # Errors
    /// [`OpenError`]; nothing in the directory was changed.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Self, OpenError> {
        let database = Directory::open(path.as_ref(), Holds::Values)?.database(options.cache())?;
        Self::on(database, path.as_ref(), options)
    }

    /// A store on an open database.
    pub(crate) fn on(database: Database, path: &Path, options: &Options) -> Result<Self, OpenError> {
        let damaged =
            |error: StoreError| OpenError::Damaged { path: path.to_owned(), problem: error.to_string() };
        let engine = Arc::new(Engine::new(database));
        let dropping = engine.snapshot().and_then(|rows| dropping(&rows)).map_err(damaged)?;
        let shared = Arc::new(Shared {
            engine: RwLock::new(Some(engine.clone())),
            queue: Queue::default(),
            durability: options.durability,
            stats: Meter::default(),
            changes: Changes::on(COUNTERS),
            cache: Cache::new(options.row_cache_bytes),
            failed: Mutex::default(),
        });
        let namespaces = Arc::new(Namespaces::default());
        for name in dropping {
            let namespace = namespaces.named(name);
            let job = Job { namespace, work: Work::Drop { begun: true, reply: None }, _space: None };
            shared.queue.push(job);
        }
        let (end, ended) = watch::channel(());
        let writer = shared.clone();
        std::thread::Builder::new()
            .name("kv-writer".to_owned())
            .spawn(move || {
                writer::run(&writer, engine);
                drop(end);
            })
            .map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
        let cores =
            std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
        let places = cores.saturating_mul(2).clamp(*READERS.start(), *READERS.end());
        let readers = Arc::new(Semaphore::new(usize::try_from(places).unwrap_or(1)));
        let space = Arc::new(Semaphore::new(QUEUES_KIB));
        Ok(Self { shared, namespaces, readers, places, space, ahead: Arc::default(), ended })
    }

    /// Finishes what is queued, flushes, and lets the directory go. Calls after it fail.
    pub async fn close(&self) {
        self.shared.queue.close();
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
        // A reader that is about to end still holds the directory.
        drop(self.readers.acquire_many(self.places).await);
    }

    /// The engine's state.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let engine = self.shared.engine.read().clone();
        let [corrected_blocks, damaged_blocks] =
            engine.as_ref().map_or([0; 2], |engine| engine.database.damage());
        Stats {
            failed: self.shared.failed.lock().clone(),
            queue_depth: self.shared.queue.depth(),
            corrupted_reads: engine.map_or(0, |engine| engine.corrupted.load(Ordering::Relaxed)),
            corrected_blocks,
            damaged_blocks,
            cached_reads: self.shared.cache.hits(),
            ..self.shared.stats.read()
        }
    }

    fn read<'a, T: Send + 'static>(
        &'a self,
        scope: &'a Scope,
        work: impl FnOnce(&Engine, &[u8]) -> Result<T, StoreError> + Send + 'static,
    ) -> Answer<'a, T> {
        Answer::later(async move {
            let place = self.readers.clone().acquire_owned().await.map_err(|_| self.shared.closed())?;
            let (engine, namespace) = (self.shared.engine()?, name_of(scope));
            let job = tokio::task::spawn_blocking(move || {
                // A reader whose caller went away still counts, and its place is free when it let go of all.
                let (_place, engine) = (place, engine);
                work(&engine, &namespace)
            });
            let panicked = |_| StoreError::Closed("the engine panicked in a read".to_owned());
            let answer = job.await.map_err(panicked).flatten();
            if let Err(error @ (StoreError::Io(_) | StoreError::Closed(_))) = &answer {
                // The engine refuses everything after a read that failed; say so instead of it.
                self.shared.fail(error);
            }
            answer
        })
    }

    async fn submit<T>(
        &self,
        namespace: Arc<Namespace>,
        kib: u32,
        work: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Work,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        self.shared.engine()?;
        let gone = |_| self.shared.closed();
        // The namespace's own space first: whoever floods waits there and takes nothing from others.
        let own = namespace.space.clone().acquire_many_owned(kib).await.map_err(gone)?;
        let all = self.space.clone().acquire_many_owned(kib).await.map_err(gone)?;
        let (reply, answer) = oneshot::channel();
        let job = Job { namespace, work: work(reply), _space: Some([own, all]) };
        if self.shared.queue.push(job) { Ok(answer) } else { Err(self.shared.closed()) }
    }

    /// Runs `work` on the writer's thread, where nothing changes meanwhile.
    pub(crate) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        // No guest's namespace: names of those hold a colon.
        let namespace = self.namespaces.named(Box::default());
        let answer = self
            .submit(namespace, space_for(0), |reply| {
                Work::Alone(Box::new(move |engine| drop(reply.send(engine.and_then(work)))))
            })
            .await?;
        answer.await.map_err(|_| self.shared.closed())?
    }
}

impl Store for RedbStore {
    fn get<'a>(&'a self, scope: &'a Scope, key: &'a Key) -> Answer<'a, Option<Value>> {
        if let Err(error) = self.shared.engine() {
            return Answer::ready(Err(error));
        }
        let name = name_of(scope);
        let row = layout::key_row(&name, key.as_str().as_bytes());
        let mark = match self.shared.cache.find(&name, &row) {
            Found::Known(value) => return Answer::ready(Ok(value)),
            Found::Unknown(mark) => mark,
        };
        let (key, shared) = (key.clone(), self.shared.clone());
        self.read(scope, move |engine, namespace| {
            let value = engine.get(namespace, key.as_str().as_bytes())?;
            if let Some(mark) = mark {
                shared.cache.keep(row.into(), mark, value.as_ref());
            }
            Ok(value)
        })
    }

    fn page<'a>(
        &'a self,
        scope: &'a Scope,
        prefix: &'a Prefix,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> Answer<'a, Page> {
        if let Err(error) = self.shared.engine() {
            return Answer::ready(Err(error));
        }
        let name = name_of(scope);
        let seen = self.shared.changes.settled(&name);
        if let Some(page) = seen.and_then(|seen| self.ahead.page(&name, seen, prefix, after, limit)) {
            return Answer::ready(Ok(page));
        }
        let (prefix, after, ahead) = (prefix.clone(), after.cloned(), self.ahead.clone());
        self.read(scope, move |engine, namespace| {
            let (prefix, after) = (prefix.as_str(), after.as_ref().map(Cursor::as_str));
            // Whoever comes with a cursor walks, and will come again.
            let (Some(from), Some(seen)) = (after, seen) else {
                return engine.page(namespace, prefix, after, limit);
            };
            let stretch = engine.page(namespace, prefix, after, Stretch::length(limit))?;
            Ok(ahead.keep(name, seen, prefix, from, stretch, limit))
        })
    }

    fn apply<'a>(&'a self, scope: &'a Scope, mutation: Mutation, terms: Terms) -> Answer<'a, Receipt> {
        Answer::later(async move {
            let kib = space_for(writer::payload(&mutation));
            let namespace = self.namespaces.of(scope);
            let answer = self.submit(namespace, kib, |reply| Work::Apply { mutation, terms, reply }).await?;
            let shared = self.shared.clone();
            Ok(Answer::later(async move { answer.await.map_err(|_| shared.closed())? }))
        })
    }

    fn usage<'a>(&'a self, scope: &'a Scope) -> Answer<'a, Usage> {
        self.read(scope, |engine, namespace| engine.usage(namespace))
    }

    fn drop_namespace<'a>(&'a self, scope: &'a Scope) -> Answer<'a, ()> {
        Answer::later(async move {
            let namespace = self.namespaces.of(scope);
            let drop = |reply| Work::Drop { begun: false, reply: Some(reply) };
            let answer = self.submit(namespace, space_for(0), drop).await?;
            answer.await.map_err(|_| self.shared.closed())?
        })
    }
}

/// The namespaces whose drop a crash interrupted.
fn dropping(rows: &Snapshot) -> Result<Vec<Box<[u8]>>, StoreError> {
    let found = rows.range(&b"t"[..]..&b"u"[..]).map_err(redb_error)?;
    found.map(|row| Ok(row.map_err(redb_error)?.0.value().get(1..).unwrap_or_default().into())).collect()
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

impl std::fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedbStore").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
