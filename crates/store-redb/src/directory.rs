//! The store's directory: who may open it, in which format, and what "on disk" means.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use astrid_host_kv::StoreError;
use redb::{ReadableDatabase, WriteTransaction};

use crate::blocks::{Blocks, Disk, Judges};
use crate::engine::ROWS;
use crate::layout::{self, FORMAT_ROW};

/// Why a store did not open. For operators, at start-up; the directory is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{lock} is locked: another process has this store open; stop it first")]
    Locked {
        /// The lock file.
        lock: PathBuf,
    },
    /// Its format is not this version's.
    #[error(
        "{path} says format {found:?}; this version reads {expected:?} there (export with the version that wrote it, and import into a new directory)"
    )]
    Format {
        /// The format file or database.
        path: PathBuf,
        /// What it says, cut to a line.
        found: String,
        /// What it has to say.
        expected: &'static str,
    },
    /// The database inside cannot be read.
    #[error("the database in {path} is damaged: {problem}")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What the engine said.
        problem: String,
    },
    /// An import into a directory that already holds something.
    #[error("{0} is not empty; import into a new directory")]
    NotEmpty(PathBuf),
    /// A stream that is no complete export.
    #[error("the export is not complete: {0}")]
    Import(String),
    /// The operating system refused.
    #[error("{path}: {error}")]
    Io {
        /// On what.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// What a directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Values of guests.
    Values,
    /// Users and their links.
    Identities,
}

impl Holds {
    /// What the format row and the format file say.
    fn format(self) -> &'static str {
        match self {
            Self::Values => layout::FORMAT,
            Self::Identities => "astrid-identity 1",
        }
    }

    fn refuses(self, path: &Path, found: String) -> OpenError {
        OpenError::Format { path: path.to_owned(), found, expected: self.format() }
    }

    fn judges(self) -> Judges {
        match self {
            Self::Values => Judges::LargeValues,
            Self::Identities => Judges::EveryValue,
        }
    }
}

/// An open, locked directory with the database in it.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    holds: Holds,
    _lock: Locked,
    fresh: bool,
}

/// A file that is locked until this is dropped: closing it alone would leave the lock to a child that another thread
/// is about to start, until that has become its program.
#[derive(Debug)]
struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // What fails here is done by the closing that follows.
        let _ = self.0.unlock();
    }
}

/// The database on its file. The lock goes last.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) redb: redb::Database,
    file: Box<dyn Persist>,
    _directory: Option<Directory>,
}

/// What the engine asks of [`Blocks`], whatever they lie on.
trait Persist: std::fmt::Debug + Send + Sync {
    fn defer(&self, commit: &mut dyn FnMut());
    fn persist(&self) -> io::Result<()>;
    fn counts(&self) -> [u64; 2];
    fn scrub(&self) -> io::Result<u64>;
}

impl<D: Disk> Persist for Blocks<D> {
    fn defer(&self, commit: &mut dyn FnMut()) {
        Blocks::defer(self, commit);
    }

    fn persist(&self) -> io::Result<()> {
        Blocks::persist(self)
    }

    fn counts(&self) -> [u64; 2] {
        Blocks::counts(self)
    }

    fn scrub(&self) -> io::Result<u64> {
        Blocks::scrub(self)
    }
}

impl Directory {
    /// Makes or finds the directory, with nobody else in it and in the known format.
    pub(crate) fn open(path: &Path, holds: Holds) -> Result<Self, OpenError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| OpenError::Io { path, error }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(at(path))?;
        let lock = lock(&path.join("lock"))?;
        let fresh = check_format(&path.join("format"), holds)?;
        Ok(Self { path: path.to_owned(), holds, _lock: lock, fresh })
    }

    /// Opens the database in it, or makes one.
    pub(crate) fn database(self, cache_bytes: usize) -> Result<Database, OpenError> {
        let (directory, holds, fresh) = (self.path.clone(), self.holds, self.fresh);
        let path = directory.join("data");
        let io = |error| OpenError::Io { path: path.clone(), error };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(fresh).mode(0o600);
        // Without a format file, what lies there is what a crash left of the first opening.
        let file = options.truncate(fresh).open(&path).map_err(io)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(io)?;
        let database = Database::open(file, holds, cache_bytes, &path, fresh, Some(self))?;
        if fresh {
            // Last, so that a directory with a format file always holds a whole database.
            write_format(&directory, holds).map_err(io)?;
        }
        Ok(database)
    }
}

impl Database {
    /// Opens what is on a disk; `path` is what errors name.
    pub(crate) fn open<D: Disk>(
        disk: D,
        holds: Holds,
        cache_bytes: usize,
        path: &Path,
        fresh: bool,
        directory: Option<Directory>,
    ) -> Result<Self, OpenError> {
        let blocks = Blocks::open(disk).map_err(|error| open_error(path, error))?;
        let mut builder = redb::Builder::new();
        builder.set_cache_size(cache_bytes);
        // The engine may panic on damage that it does not expect.
        let opened = catch_unwind(AssertUnwindSafe(|| builder.create_with_backend(blocks.clone())));
        let redb = match opened {
            Ok(Ok(redb)) => redb,
            Ok(Err(redb::DatabaseError::Storage(redb::StorageError::Io(error)))) => {
                return Err(open_error(path, error));
            }
            Ok(Err(error)) => return Err(damaged(path, &error)),
            Err(_) => return Err(damaged(path, &"the engine panicked while reading it")),
        };
        blocks.serve(holds.judges());
        let database = Self { redb, file: Box::new(blocks), _directory: directory };
        let failed = |error: StoreError| damaged(path, &error);
        if fresh {
            let transaction = database.redb.begin_write().map_err(|e| failed(redb_error(e)))?;
            {
                let mut rows = transaction.open_table(ROWS).map_err(|e| failed(redb_error(e)))?;
                rows.insert(FORMAT_ROW, holds.format().as_bytes()).map_err(|e| failed(redb_error(e)))?;
            }
            database.commit(transaction).map_err(failed)?;
        } else {
            database.check_row(path, holds)?;
        }
        Ok(database)
    }

    /// Commits and makes it survive SIGKILL and power loss.
    pub(crate) fn commit(&self, mut transaction: WriteTransaction) -> Result<(), StoreError> {
        // Else an opening after a crash walks the whole database.
        transaction.set_quick_repair(true);
        let (mut transaction, mut result) = (Some(transaction), Ok(()));
        self.file.defer(&mut || result = transaction.take().map_or(Ok(()), WriteTransaction::commit));
        result.map_err(redb_error)?;
        Ok(self.file.persist()?)
    }

    /// Makes it visible, to be made durable with the next [`Database::commit`].
    pub(crate) fn commit_relaxed(&self, mut transaction: WriteTransaction) -> Result<(), StoreError> {
        let refused = |error: redb::SetDurabilityError| StoreError::Closed(error.to_string());
        transaction.set_durability(redb::Durability::None).map_err(refused)?;
        transaction.commit().map_err(redb_error)
    }

    /// Blocks of which one bit was flipped back, and blocks with more damage.
    pub(crate) fn damage(&self) -> [u64; 2] {
        self.file.counts()
    }

    /// Flips back what one bit can; how many blocks it was.
    pub(crate) fn scrub(&self) -> Result<u64, StoreError> {
        Ok(self.file.scrub()?)
    }

    fn check_row(&self, path: &Path, holds: Holds) -> Result<(), OpenError> {
        let read = || {
            let rows = self.redb.begin_read().map_err(redb_error)?.open_table(ROWS).map_err(redb_error)?;
            let row = rows.get(FORMAT_ROW).map_err(redb_error)?;
            Ok::<_, StoreError>(row.map(|row| row.value().to_vec()))
        };
        match read().map_err(|error| damaged(path, &error))? {
            Some(row) if *row == *holds.format().as_bytes() => Ok(()),
            Some(row) => Err(holds.refuses(path, first_line(&row))),
            None => Err(OpenError::Damaged { path: path.to_owned(), problem: "no format row".to_owned() }),
        }
    }
}

fn open_error(path: &Path, error: io::Error) -> OpenError {
    if error.kind() == io::ErrorKind::InvalidData {
        damaged(path, &error)
    } else {
        OpenError::Io { path: path.to_owned(), error }
    }
}

fn damaged(path: &Path, problem: &dyn std::fmt::Display) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), problem: problem.to_string() }
}

fn lock(path: &Path) -> Result<Locked, OpenError> {
    let io = |error| OpenError::Io { path: path.to_owned(), error };
    let file =
        OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(Locked(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { lock: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Whether the directory is new. Reads the format file before the engine touches anything.
fn check_format(path: &Path, holds: Holds) -> Result<bool, OpenError> {
    let mut found = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(200).read_to_end(&mut found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => Err(error),
    }
    .map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
    let found = first_line(&found);
    if found == holds.format() { Ok(false) } else { Err(holds.refuses(path, found)) }
}

fn write_format(directory: &Path, holds: Holds) -> io::Result<()> {
    let path = directory.join("format");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{}", holds.format())?;
    file.sync_all()?;
    File::open(directory)?.sync_all()
}

fn first_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().chars().take(80).collect()
}

/// The engine's errors in the trait's terms. Nothing of the engine's own is one key's damage: that is
/// found by the checksum of each value.
pub(crate) fn redb_error(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Io(error) => error.into(),
        other => StoreError::Closed(other.to_string()),
    }
}
