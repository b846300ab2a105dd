//! The offline check: every checksum, every usage row, every chunk.

use std::collections::BTreeMap;

use astrid_host_kv::{StoreError, Usage};
use sled::Batch;

use crate::directory::store_error;
use crate::engine::Engine;
use crate::layout::{self, Header};
use crate::store::SledStore;

/// What [`SledStore::verify`] found. Names are for operators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Namespaces with at least one key.
    pub namespaces: u64,
    /// Keys whose value is as it was written.
    pub sound_keys: u64,
    /// `namespace key` of values that are damaged.
    pub corrupt: Vec<String>,
    /// Namespaces whose usage row differed from the sum of their rows.
    pub wrong_usage: Vec<String>,
    /// Chunks that belong to no value.
    pub orphan_chunks: u64,
    /// Whether usage rows were set right and orphans removed.
    pub repaired: bool,
}

impl Report {
    /// Nothing is damaged, miscounted or left over.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.corrupt.is_empty() && self.wrong_usage.is_empty() && self.orphan_chunks == 0
    }
}

impl SledStore {
    /// Reads everything and compares. With `repair`, usage rows are set to the recomputed sums and
    /// orphan chunks removed; damaged values stay for their owners to set again. Mutations wait
    /// meanwhile, so this is for a host that is stopped or idle.
    ///
    /// # Errors
    /// The engine failed; a damaged value is a finding, no error.
    pub async fn verify(&self, repair: bool) -> Result<Report, StoreError> {
        self.alone(move |engine| verify(engine, repair)).await
    }
}

fn verify(engine: &Engine, repair: bool) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let (mut fixes, mut sums) = (Batch::default(), BTreeMap::<Vec<u8>, Usage>::new());
    for row in engine.tree().scan_prefix(b"k") {
        let (row, value) = row.map_err(store_error)?;
        let Some((namespace, key)) = layout::parse_key_row(&row) else {
            report.corrupt.push(show(&row));
            continue;
        };
        match engine.checked(namespace, key, &value) {
            Ok(_) => report.sound_keys += 1,
            Err(StoreError::Corrupt(_)) => report.corrupt.push(format!("{} {}", show(namespace), show(key))),
            Err(error) => return Err(error),
        }
        let length = Header::decode(&value).map_or(0, |(header, _)| header.len());
        let size = u64::try_from(key.len().saturating_add(length)).unwrap_or(u64::MAX);
        let sum = sums.entry(namespace.to_vec()).or_default();
        *sum = sum.replaced(None, Some(size));
    }
    report.namespaces = u64::try_from(sums.len()).unwrap_or(u64::MAX);
    for row in engine.tree().scan_prefix(b"u").keys() {
        let row = row.map_err(store_error)?;
        sums.entry(row.get(1..).unwrap_or_default().to_vec()).or_default();
    }
    for (namespace, sum) in &sums {
        if !engine.usage_of(namespace).is_ok_and(|usage| usage == *sum) {
            report.wrong_usage.push(show(namespace));
            fixes.insert(layout::usage_row(namespace), layout::encode_usage(*sum));
        }
    }
    for row in engine.tree().scan_prefix(b"c").keys() {
        let row = row.map_err(store_error)?;
        if !is_used(engine, &row)? {
            report.orphan_chunks += 1;
            fixes.remove(row);
        }
    }
    if repair && !(report.wrong_usage.is_empty() && report.orphan_chunks == 0) {
        engine.tree().apply_batch(fixes).map_err(store_error)?;
        engine.directory.flush()?;
        report.repaired = true;
    }
    Ok(report)
}

fn is_used(engine: &Engine, row: &[u8]) -> Result<bool, StoreError> {
    let Some((namespace, key, generation, number)) = layout::parse_chunk_row(row) else { return Ok(false) };
    let header = engine.tree().get(layout::key_row(namespace, key)).map_err(store_error)?;
    Ok(match header.as_deref().map(Header::decode) {
        None => false,
        // Whose chunks a damaged header had cannot be said, so none of them is an orphan.
        Some(None) => true,
        Some(Some((header, _))) => header.generation == generation && number < header.chunks(),
    })
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
