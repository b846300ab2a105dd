//! Reads and single mutations on the tree. Everything here waits for the disk, so it runs on
//! blocking threads and on the writer's only.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use astrid_host_kv::{Page, StoreError, Usage};
use bytes::Bytes;
use parking_lot::RwLock;

use crate::directory::{Directory, store_error};
use crate::layout::{self, Header};
use crate::namespace::Namespace;

/// The tree and what is known about it.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) directory: Directory,
    /// Names of the namespaces that are being dropped; they read as empty.
    pub(crate) dropping: RwLock<HashSet<Box<[u8]>>>,
    pub(crate) corrupted: AtomicU64,
}

impl Engine {
    pub(crate) fn new(directory: Directory) -> Result<Self, StoreError> {
        let mut dropping = HashSet::new();
        for row in directory.tree.scan_prefix(b"t").keys() {
            let row = row.map_err(store_error)?;
            dropping.insert(row.get(1..).unwrap_or_default().into());
        }
        Ok(Self { directory, dropping: RwLock::new(dropping), corrupted: AtomicU64::new(0) })
    }

    pub(crate) fn tree(&self) -> &sled::Tree {
        &self.directory.tree
    }

    pub(crate) fn is_dropping(&self, namespace: &Namespace) -> bool {
        self.dropping.read().contains(&namespace.name)
    }

    pub(crate) fn get(&self, namespace: &Namespace, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        // Header and chunks of one generation: no mutation of this namespace between them.
        let _shared = namespace.rows.read();
        if self.is_dropping(namespace) {
            return Ok(None);
        }
        self.value(&namespace.name, key)
    }

    /// The checked value of a key. The caller keeps the writer out.
    pub(crate) fn value(&self, namespace: &[u8], key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.tree().get(layout::key_row(namespace, key)).map_err(store_error)? {
            Some(row) => self.checked(namespace, key, &row).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) fn checked(&self, namespace: &[u8], key: &[u8], row: &[u8]) -> Result<Bytes, StoreError> {
        let corrupt = |what: &str| {
            self.corrupted.fetch_add(1, Ordering::Relaxed);
            let (namespace, key) = (String::from_utf8_lossy(namespace), String::from_utf8_lossy(key));
            Err(StoreError::Corrupt(format!("{what} of key {key:?} in {namespace}")))
        };
        let Some((header, inline)) = Header::decode(row) else { return corrupt("header") };
        let value = if header.is_inline() {
            Bytes::copy_from_slice(inline)
        } else {
            let mut value = Vec::with_capacity(header.len());
            let chunks = layout::chunks_of(namespace, key);
            for number in 0..header.chunks() {
                let row = layout::chunk_row(&chunks, header.generation, number);
                match self.tree().get(row).map_err(store_error)? {
                    Some(chunk) => value.extend_from_slice(&chunk),
                    None => return corrupt("a chunk"),
                }
            }
            Bytes::from(value)
        };
        if value.len() == header.len() && layout::digest(&value) == header.digest {
            Ok(value)
        } else {
            corrupt("the checksum")
        }
    }

    pub(crate) fn page(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let _shared = namespace.rows.read();
        if self.is_dropping(namespace) {
            return Ok(Page::default());
        }
        let all = layout::rows_of(b'k', &namespace.name);
        let matching = layout::key_row(&namespace.name, prefix.as_bytes());
        let from = match after {
            // The next row that can exist after a row is that row and a zero byte.
            Some(after) if after >= prefix => [&*all, after.as_bytes(), &[0]].concat(),
            _ => matching.clone(),
        };
        let mut page = Page::default();
        for row in self.tree().range(from..).keys() {
            let row = row.map_err(store_error)?;
            let Some(key) = row.strip_prefix(&*all).filter(|_| row.starts_with(&matching)) else { break };
            if page.keys.len() == limit {
                page.more = true;
                break;
            }
            let key = String::from_utf8(key.to_vec()).map_err(|_| {
                StoreError::Corrupt(format!("a key of {}", String::from_utf8_lossy(&namespace.name)))
            })?;
            page.keys.push(key);
        }
        Ok(page)
    }

    pub(crate) fn usage(&self, namespace: &Namespace) -> Result<Usage, StoreError> {
        if self.is_dropping(namespace) {
            return Ok(Usage::default());
        }
        self.usage_of(&namespace.name)
    }

    pub(crate) fn usage_of(&self, namespace: &[u8]) -> Result<Usage, StoreError> {
        match self.tree().get(layout::usage_row(namespace)).map_err(store_error)? {
            None => Ok(Usage::default()),
            Some(row) => layout::decode_usage(&row).ok_or_else(|| {
                StoreError::Corrupt(format!("the usage of {}", String::from_utf8_lossy(namespace)))
            }),
        }
    }
}
