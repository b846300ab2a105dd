//! The database, and what is read from it. Everything here waits for the disk, so it runs on blocking
//! threads and on the writer's only.

use std::sync::atomic::{AtomicU64, Ordering};

use astrid_host_kv::{Page, StoreError, Usage, Value};
use redb::{ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::directory::{Database, redb_error};
use crate::layout::{self, Header};

/// All rows.
pub(crate) const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");

/// The database and what is known about it.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) database: Database,
    pub(crate) corrupted: AtomicU64,
}

/// The rows as of one moment.
pub(crate) type Snapshot = ReadOnlyTable<&'static [u8], &'static [u8]>;

impl Engine {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, corrupted: AtomicU64::new(0) }
    }

    /// All rows as of now: a writer changes nothing of it and waits for nobody who holds it.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let transaction = self.database.redb.begin_read().map_err(redb_error)?;
        transaction.open_table(ROWS).map_err(redb_error)
    }

    pub(crate) fn begin(&self) -> Result<WriteTransaction, StoreError> {
        self.database.redb.begin_write().map_err(redb_error)
    }

    pub(crate) fn get(&self, namespace: &[u8], key: &[u8]) -> Result<Option<Value>, StoreError> {
        let rows = self.snapshot()?;
        if is_dropping(&rows, namespace)? { Ok(None) } else { self.value(&rows, namespace, key) }
    }

    /// The checked value of a key.
    pub(crate) fn value(
        &self,
        rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
        namespace: &[u8],
        key: &[u8],
    ) -> Result<Option<Value>, StoreError> {
        let row = layout::key_row(namespace, key);
        match rows.get(&*row).map_err(redb_error)? {
            Some(found) => self.checked(rows, namespace, key, found.value()).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn checked(
        &self,
        rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
        namespace: &[u8],
        key: &[u8],
        row: &[u8],
    ) -> Result<Value, StoreError> {
        let corrupt = |what: &str| {
            self.corrupted.fetch_add(1, Ordering::Relaxed);
            let (namespace, key) = (String::from_utf8_lossy(namespace), String::from_utf8_lossy(key));
            Err(StoreError::Corrupt(format!("{what} of key {key:?} in {namespace}")))
        };
        let Some((header, inline)) = Header::decode(row) else { return corrupt("header") };
        let value = if header.is_inline() {
            Value::from(inline)
        } else {
            let mut value = Vec::with_capacity(header.len());
            let chunks = layout::chunks_of(namespace, key);
            for number in 0..header.chunks() {
                match rows.get(&*layout::chunk_row(&chunks, number)).map_err(redb_error)? {
                    Some(chunk) => value.extend_from_slice(chunk.value()),
                    None => return corrupt("a chunk"),
                }
            }
            Value::from(value)
        };
        let row = layout::key_row(namespace, key);
        if value.len() == header.len() && layout::digest(&row, &value) == header.digest {
            Ok(value)
        } else {
            corrupt("the checksum")
        }
    }

    pub(crate) fn page(
        &self,
        namespace: &[u8],
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let rows = self.snapshot()?;
        if is_dropping(&rows, namespace)? {
            return Ok(Page::default());
        }
        let all = layout::rows_of(b'k', namespace);
        let (start, end) = layout::starting_with(&layout::key_row(namespace, prefix.as_bytes()));
        let from = match after {
            // The next row that can exist after a row is that row and a zero byte.
            Some(after) if after >= prefix => [&*all, after.as_bytes(), &[0]].concat(),
            _ => start,
        };
        let mut page = Page::default();
        if from >= end {
            return Ok(page);
        }
        for row in rows.range(&*from..&*end).map_err(redb_error)? {
            let (row, _) = row.map_err(redb_error)?;
            if page.keys.len() == limit {
                page.more = true;
                break;
            }
            let key = row.value().get(all.len()..).and_then(|key| std::str::from_utf8(key).ok());
            let key = key.ok_or_else(|| {
                StoreError::Corrupt(format!("a key of {}", String::from_utf8_lossy(namespace)))
            })?;
            page.keys.push(key.to_owned());
        }
        Ok(page)
    }

    pub(crate) fn usage(&self, namespace: &[u8]) -> Result<Usage, StoreError> {
        let rows = self.snapshot()?;
        if is_dropping(&rows, namespace)? { Ok(Usage::default()) } else { usage_of(&rows, namespace) }
    }
}

/// Whether the namespace has a tombstone: it is being dropped and reads as empty.
pub(crate) fn is_dropping(
    rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
    namespace: &[u8],
) -> Result<bool, StoreError> {
    Ok(rows.get(&*layout::tombstone_row(namespace)).map_err(redb_error)?.is_some())
}

pub(crate) fn usage_of(
    rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
    namespace: &[u8],
) -> Result<Usage, StoreError> {
    match rows.get(&*layout::usage_row(namespace)).map_err(redb_error)? {
        None => Ok(Usage::default()),
        Some(row) => layout::decode_usage(row.value()).ok_or_else(|| {
            StoreError::Corrupt(format!("the usage of {}", String::from_utf8_lossy(namespace)))
        }),
    }
}
