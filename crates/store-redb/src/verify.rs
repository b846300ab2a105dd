//! The offline check: every checksum, every usage row, every chunk.

use std::collections::BTreeMap;

use astrid_host_kv::{StoreError, Usage};

use crate::apply::{length_in, size};
use crate::directory::redb_error;
use crate::engine::{Engine, ROWS, Snapshot, usage_of};
use crate::layout::{self, Header};
use crate::store::RedbStore;

/// What [`RedbStore::verify`] found. Names are for operators.
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
    /// Blocks of the file in which a flipped bit was set right; looked for when repairing.
    pub healed_blocks: u64,
}

impl Report {
    /// Nothing is damaged, miscounted or left over.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.corrupt.is_empty() && self.wrong_usage.is_empty() && self.orphan_chunks == 0
    }
}

impl RedbStore {
    /// Reads everything and compares. With `repair`, usage rows are set to the recomputed sums, orphan
    /// chunks removed and single flipped bits in the file flipped back; damaged values stay for their owners to set again. Mutations wait
    /// meanwhile, so this is for a host that is stopped or idle.
    ///
    /// # Errors
    /// The engine failed; a damaged value is a finding, no error.
    pub async fn verify(&self, repair: bool) -> Result<Report, StoreError> {
        self.alone(move |engine| verify(engine, repair)).await
    }
}

fn verify(engine: &Engine, repair: bool) -> Result<Report, StoreError> {
    let (mut report, rows) = (Report::default(), engine.snapshot()?);
    let mut sums = BTreeMap::<Vec<u8>, Usage>::new();
    for row in rows.range(&b"k"[..]..&b"l"[..]).map_err(redb_error)? {
        let (row, value) = row.map_err(redb_error)?;
        let Some((namespace, key)) = layout::parse_key_row(row.value()) else {
            report.corrupt.push(show(row.value()));
            continue;
        };
        match engine.checked(&rows, namespace, key, value.value()) {
            Ok(_) => report.sound_keys += 1,
            Err(StoreError::Corrupt(_)) => report.corrupt.push(format!("{} {}", show(namespace), show(key))),
            Err(error) => return Err(error),
        }
        let sum = sums.entry(namespace.to_vec()).or_default();
        *sum = sum.replaced(None, Some(size(key, length_in(value.value()))));
    }
    report.namespaces = u64::try_from(sums.len()).unwrap_or(u64::MAX);
    for row in rows.range(&b"u"[..]..&b"v"[..]).map_err(redb_error)? {
        let (row, _) = row.map_err(redb_error)?;
        sums.entry(row.value().get(1..).unwrap_or_default().to_vec()).or_default();
    }
    let mut wrong = Vec::new();
    for (namespace, sum) in &sums {
        if !usage_of(&rows, namespace).is_ok_and(|usage| usage == *sum) {
            report.wrong_usage.push(show(namespace));
            wrong.push((layout::usage_row(namespace), layout::encode_usage(*sum)));
        }
    }
    let mut orphans = Vec::new();
    for row in rows.range(&b"c"[..]..&b"d"[..]).map_err(redb_error)? {
        let (row, _) = row.map_err(redb_error)?;
        if !is_used(&rows, row.value())? {
            report.orphan_chunks += 1;
            orphans.push(row.value().to_vec());
        }
    }
    if repair && !(wrong.is_empty() && orphans.is_empty()) {
        let transaction = engine.begin()?;
        {
            let mut rows = transaction.open_table(ROWS).map_err(redb_error)?;
            for (row, usage) in wrong {
                rows.insert(&*row, &*usage).map_err(redb_error)?;
            }
            for row in orphans {
                rows.remove(&*row).map_err(redb_error)?;
            }
        }
        engine.database.commit(transaction)?;
        report.repaired = true;
    }
    if repair {
        report.healed_blocks = engine.database.scrub()?;
    }
    Ok(report)
}

fn is_used(rows: &Snapshot, row: &[u8]) -> Result<bool, StoreError> {
    let Some((namespace, key, number)) = layout::parse_chunk_row(row) else { return Ok(false) };
    let header = rows.get(&*layout::key_row(namespace, key)).map_err(redb_error)?;
    Ok(match header.as_ref().map(|row| Header::decode(row.value())) {
        None => false,
        // How many chunks a damaged header had cannot be said, so none of them is an orphan.
        Some(None) => true,
        Some(Some((header, _))) => number < header.chunks(),
    })
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
