//! The store's directory: who may open it, in which format, and what "on disk" means.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use astrid_host_kv::StoreError;

use crate::layout::{FORMAT, FORMAT_ROW};

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
        "{path} says format {found:?}; this version reads {FORMAT:?} (export with the version that wrote it)"
    )]
    Format {
        /// The format file or database.
        path: PathBuf,
        /// What it says, cut to a line.
        found: String,
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

/// An open, locked directory with the database in it.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) tree: sled::Db,
    log: File,
    _lock: File,
}

/// sled moves a page to a file of its own when it is over a quarter of a segment, and does not sync
/// that file. At 2 MiB a page may have 512 KiB: more than any leaf or index node here ever has.
const SEGMENT: usize = 2 << 20;

impl Directory {
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| OpenError::Io { path, error }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(at(path))?;
        let lock = lock(&path.join("lock"))?;
        let fresh = check_format(&path.join("format"))?;
        let inner = path.join("tree");
        let tree = open_tree(&inner, cache_bytes)?;
        let log_path = inner.join("db");
        // A second descriptor of the same file: fsync acts on the file, whichever one it is given.
        let log = OpenOptions::new().read(true).write(true).open(&log_path).map_err(at(&log_path))?;
        let directory = Self { tree, log, _lock: lock };
        let damaged =
            |error: StoreError| OpenError::Damaged { path: inner.clone(), problem: error.to_string() };
        if fresh {
            directory.tree.insert(FORMAT_ROW, FORMAT).map_err(|e| damaged(store_error(e)))?;
            directory.flush().map_err(damaged)?;
            for file in [inner.join("conf"), inner.clone()] {
                File::open(&file).and_then(|file| file.sync_all()).map_err(at(&file))?;
            }
            // Last, so that a directory with a format file always holds a whole database.
            write_format(path).map_err(at(path))?;
        } else {
            directory.check_row(&inner)?;
        }
        for file in fs::read_dir(&inner).map_err(at(&inner))? {
            let file = file.map_err(at(&inner))?;
            if file.file_type().is_ok_and(|kind| kind.is_file()) {
                fs::set_permissions(file.path(), Permissions::from_mode(0o600)).map_err(at(&inner))?;
            }
        }
        Ok(directory)
    }

    /// Makes everything written so far survive SIGKILL and power loss: sled's own flush ends with
    /// `sync_file_range`, which leaves out file metadata and the drive's cache.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.tree.flush().map_err(store_error)?;
        Ok(self.log.sync_data()?)
    }

    fn check_row(&self, inner: &Path) -> Result<(), OpenError> {
        let row = self.tree.get(FORMAT_ROW).map_err(|error| damaged(inner, &error))?;
        match row {
            Some(row) if *row == *FORMAT.as_bytes() => Ok(()),
            Some(row) => Err(OpenError::Format { path: inner.to_owned(), found: first_line(&row) }),
            None => Err(OpenError::Damaged { path: inner.to_owned(), problem: "no format row".to_owned() }),
        }
    }
}

fn damaged(path: &Path, problem: &dyn std::fmt::Display) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), problem: problem.to_string() }
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let io = |error| OpenError::Io { path: path.to_owned(), error };
    let file =
        OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { lock: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Whether the directory is new. Reads the format file before the engine touches anything.
fn check_format(path: &Path) -> Result<bool, OpenError> {
    let mut found = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(200).read_to_end(&mut found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => Err(error),
    }
    .map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
    let found = first_line(&found);
    if found == FORMAT { Ok(false) } else { Err(OpenError::Format { path: path.to_owned(), found }) }
}

fn write_format(directory: &Path) -> io::Result<()> {
    let path = directory.join("format");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{FORMAT}")?;
    file.sync_all()?;
    File::open(directory)?.sync_all()
}

fn first_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().chars().take(80).collect()
}

fn open_tree(path: &Path, cache_bytes: u64) -> Result<sled::Db, OpenError> {
    let config = sled::Config::new()
        .path(path)
        .mode(sled::Mode::HighThroughput)
        .cache_capacity(cache_bytes)
        .segment_size(SEGMENT)
        // Its background thread also gives segments back; without it the file only grows.
        .flush_every_ms(Some(200));
    // The engine panics on some damage that it does not expect.
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(tree)) => Ok(tree),
        Ok(Err(sled::Error::Io(error))) => Err(OpenError::Io { path: path.to_owned(), error }),
        Ok(Err(error)) => Err(damaged(path, &error)),
        Err(_) => Err(damaged(path, &"the engine panicked while reading it")),
    }
}

/// The engine's errors in the trait's terms.
pub(crate) fn store_error(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) => error.into(),
        sled::Error::Corruption { at, .. } => StoreError::Corrupt(format!("the database file at {at:?}")),
        sled::Error::Unsupported(what) => StoreError::Closed(what),
        sled::Error::CollectionNotFound(_) => StoreError::Closed("the tree is gone".to_owned()),
        sled::Error::ReportableBug(what) => StoreError::Closed(what),
    }
}
