//! What one mutation changes: compare, check limits, change rows and usage. Writer thread only.

use astrid_host_kv::{Applied, Limits, Mutation, StoreError, Terms, Usage};
use redb::{ReadableTable, Table};

use crate::directory::redb_error;
use crate::engine::{Engine, is_dropping, usage_of};
use crate::layout::{self, CHUNK, Header};

/// Rows that one step of a drop removes, so that others' mutations go on between steps.
const DROP_STEP: usize = 512;

pub(crate) type Rows<'t> = Table<'t, &'static [u8], &'static [u8]>;

/// What a mutation does to its namespace, before anything is changed.
struct Plan {
    applied: Applied,
    after: Usage,
}

impl Engine {
    /// Decides on one mutation and changes the rows. An error that is [`StoreError::Corrupt`] comes
    /// before the first change. True if anything changed.
    pub(crate) fn apply(
        &self,
        rows: &mut Rows<'_>,
        namespace: &[u8],
        mutation: &Mutation,
        terms: Terms,
    ) -> Result<(Applied, bool), StoreError> {
        // A drop that a crash interrupted, and the namespace is wanted again: finish it first.
        while is_dropping(rows, namespace)? && !drop_step(rows, namespace)? {}
        let before = usage_of(rows, namespace)?;
        let plan = self.plan(rows, namespace, mutation, terms.limits, before)?;
        let nothing = matches!(plan.applied, Applied::Mismatch | Applied::OverQuota | Applied::Done(0));
        if nothing || terms.rehearse {
            return Ok((plan.applied, false));
        }
        match mutation {
            Mutation::Set { key, value } | Mutation::Cas { key, new: value, .. } => {
                write(rows, namespace, key.as_str().as_bytes(), value)?;
            }
            Mutation::Delete { key } => {
                let key = key.as_str().as_bytes();
                let row = layout::key_row(namespace, key);
                let chunks = rows.remove(&*row).map_err(redb_error)?.map(|old| chunks_in(old.value()));
                remove_chunks(rows, &layout::chunks_of(namespace, key), 0, chunks.flatten())?;
            }
            Mutation::Clear { prefix } => {
                for kind in *b"kc" {
                    let mut start = layout::rows_of(kind, namespace);
                    start.extend(prefix.as_str().as_bytes());
                    remove_all(rows, &start)?;
                }
            }
        }
        let usage = layout::encode_usage(plan.after);
        rows.insert(&*layout::usage_row(namespace), &*usage).map_err(redb_error)?;
        Ok((plan.applied, true))
    }

    fn plan(
        &self,
        rows: &Rows<'_>,
        namespace: &[u8],
        mutation: &Mutation,
        limits: Limits,
        before: Usage,
    ) -> Result<Plan, StoreError> {
        match mutation {
            Mutation::Set { key, value } => {
                plan_write(rows, namespace, key.as_str().as_bytes(), value, (before, limits))
            }
            Mutation::Cas { key, expected, new } => {
                let key = key.as_str().as_bytes();
                if self.value(rows, namespace, key)?.as_deref() == expected.as_deref() {
                    plan_write(rows, namespace, key, new, (before, limits))
                } else {
                    Ok(Plan { applied: Applied::Mismatch, after: before })
                }
            }
            Mutation::Delete { key } => {
                let key = key.as_str().as_bytes();
                let charged = charge(rows, namespace, key)?;
                let applied = Applied::Done(u64::from(charged.is_some()));
                Ok(Plan { applied, after: before.replaced(charged, None) })
            }
            Mutation::Clear { prefix } => {
                let all = layout::rows_of(b'k', namespace).len();
                let (start, end) =
                    layout::starting_with(&layout::key_row(namespace, prefix.as_str().as_bytes()));
                let (mut count, mut after) = (0, before);
                for row in rows.range(&*start..&*end).map_err(redb_error)? {
                    let (row, old) = row.map_err(redb_error)?;
                    let key = row.value().get(all..).unwrap_or_default();
                    after = after.replaced(Some(size(key, length_in(old.value()))), None);
                    count += 1;
                }
                Ok(Plan { applied: Applied::Done(count), after })
            }
        }
    }
}

fn plan_write(
    rows: &Rows<'_>,
    namespace: &[u8],
    key: &[u8],
    value: &[u8],
    (before, limits): (Usage, Limits),
) -> Result<Plan, StoreError> {
    let after = before.replaced(charge(rows, namespace, key)?, Some(size(key, value.len())));
    if before.may_become(after, limits) {
        Ok(Plan { applied: Applied::Done(1), after })
    } else {
        Ok(Plan { applied: Applied::OverQuota, after: before })
    }
}

/// What the present entry counts. One whose header is damaged cannot say: it counts its key, and what
/// it was charged beyond that remains until `verify`.
fn charge(rows: &Rows<'_>, namespace: &[u8], key: &[u8]) -> Result<Option<u64>, StoreError> {
    let old = rows.get(&*layout::key_row(namespace, key)).map_err(redb_error)?;
    Ok(old.map(|old| size(key, length_in(old.value()))))
}

/// Stores a value, with no look at usage.
pub(crate) fn write(
    rows: &mut Rows<'_>,
    namespace: &[u8],
    key: &[u8],
    value: &[u8],
) -> Result<(), StoreError> {
    let row = layout::key_row(namespace, key);
    let header = Header::of(&row, value);
    let old = rows.insert(&*row, &*header.encode(value)).map_err(redb_error)?;
    let old = old.map_or(Some(0), |old| chunks_in(old.value()));
    let chunks = layout::chunks_of(namespace, key);
    if !header.is_inline() {
        for (number, chunk) in (0..).zip(value.chunks(CHUNK)) {
            rows.insert(&*layout::chunk_row(&chunks, number), chunk).map_err(redb_error)?;
        }
    }
    remove_chunks(rows, &chunks, header.chunks(), old)
}

/// Removes the chunks from `kept` on, of which there are `old`, or nobody knows how many.
fn remove_chunks(rows: &mut Rows<'_>, chunks: &[u8], kept: u32, old: Option<u32>) -> Result<(), StoreError> {
    let Some(old) = old else {
        let (_, end) = layout::starting_with(chunks);
        return retain_none(rows, &layout::chunk_row(chunks, kept), &end);
    };
    for number in kept..old {
        rows.remove(&*layout::chunk_row(chunks, number)).map_err(redb_error)?;
    }
    Ok(())
}

fn remove_all(rows: &mut Rows<'_>, prefix: &[u8]) -> Result<(), StoreError> {
    let (start, end) = layout::starting_with(prefix);
    retain_none(rows, &start, &end)
}

fn retain_none(rows: &mut Rows<'_>, start: &[u8], end: &[u8]) -> Result<(), StoreError> {
    rows.retain_in(start..end, |_, _| false).map_err(redb_error)
}

/// Begins a drop: from here on the namespace reads as empty, also after a crash.
pub(crate) fn entomb(rows: &mut Rows<'_>, namespace: &[u8]) -> Result<(), StoreError> {
    rows.insert(&*layout::tombstone_row(namespace), &[][..]).map_err(redb_error)?;
    Ok(())
}

/// One step of a drop; true when nothing is left and the namespace may be used again.
pub(crate) fn drop_step(rows: &mut Rows<'_>, namespace: &[u8]) -> Result<bool, StoreError> {
    let mut doomed = Vec::new();
    for kind in *b"kc" {
        let (start, end) = layout::starting_with(&layout::rows_of(kind, namespace));
        for row in rows.range(&*start..&*end).map_err(redb_error)?.take(DROP_STEP - doomed.len()) {
            doomed.push(row.map_err(redb_error)?.0.value().to_vec());
        }
    }
    for row in &doomed {
        rows.remove(&**row).map_err(redb_error)?;
    }
    let done = doomed.len() < DROP_STEP;
    if done {
        for row in [layout::usage_row(namespace), layout::tombstone_row(namespace)] {
            rows.remove(&*row).map_err(redb_error)?;
        }
    }
    Ok(done)
}

fn chunks_in(header: &[u8]) -> Option<u32> {
    Header::decode(header).map(|(header, _)| header.chunks())
}

pub(crate) fn length_in(header: &[u8]) -> usize {
    Header::decode(header).map_or(0, |(header, _)| header.len())
}

pub(crate) fn size(key: &[u8], value: usize) -> u64 {
    u64::try_from(key.len().saturating_add(value)).unwrap_or(u64::MAX)
}
