//! What one mutation changes: compare, check limits, collect rows and usage. Writer thread only.

use std::sync::Arc;

use astrid_host_kv::{Applied, Limits, Mutation, StoreError, Terms, Usage};

use crate::changes::{Changes, Pending, in_doubt};
use crate::directory::store_error;
use crate::engine::Engine;
use crate::layout::{self, CHUNK, Header};
use crate::namespace::Namespace;

/// Rows that one step of a drop removes, so that others' mutations go on between steps.
const DROP_STEP: usize = 512;

impl Engine {
    /// Decides on one mutation and adds its changes to what is pending.
    pub(crate) fn apply(
        &self,
        pending: &mut Pending,
        namespace: &Arc<Namespace>,
        mutation: &Mutation,
        terms: Terms,
    ) -> Result<Applied, StoreError> {
        let name = &*namespace.name;
        let key_row = match mutation {
            Mutation::Set { key, .. } | Mutation::Cas { key, .. } | Mutation::Delete { key } => {
                Some(layout::key_row(name, key.as_str().as_bytes()))
            }
            Mutation::Clear { .. } => None,
        };
        if pending.holds(name, key_row.as_deref()) {
            self.seal(pending)?;
        }
        let before = match pending.usage(name) {
            Some(usage) => usage,
            None => self.usage_of(name)?,
        };
        let mut changes = Changes::default();
        let (applied, after) = match mutation {
            Mutation::Set { key, value } => {
                self.store(&mut changes, name, key.as_str().as_bytes(), value, (before, terms.limits))?
            }
            Mutation::Cas { key, expected, new } => {
                let key = key.as_str().as_bytes();
                if self.value(name, key)?.as_deref() == expected.as_deref() {
                    self.store(&mut changes, name, key, new, (before, terms.limits))?
                } else {
                    (Applied::Mismatch, before)
                }
            }
            Mutation::Delete { key } => self.delete(&mut changes, name, key.as_str().as_bytes(), before)?,
            Mutation::Clear { prefix } => {
                self.clear(&mut changes, name, prefix.as_str().as_bytes(), before)?
            }
        };
        let effective = !matches!(applied, Applied::Mismatch | Applied::OverQuota | Applied::Done(0));
        if effective && !terms.rehearse {
            changes.insert(layout::usage_row(name), layout::encode_usage(after));
            changes.check(self.tree())?;
            let many_keys = key_row.is_none();
            pending.add(namespace, key_row, changes, after);
            if many_keys {
                self.seal(pending)?; // which keys it changed is not written down
            }
        }
        Ok(applied)
    }

    fn store(
        &self,
        changes: &mut Changes,
        namespace: &[u8],
        key: &[u8],
        value: &[u8],
        (before, limits): (Usage, Limits),
    ) -> Result<(Applied, Usage), StoreError> {
        let row = layout::key_row(namespace, key);
        let old = self.tree().get(&row).map_err(store_error)?;
        // A damaged header cannot say what it was charged or which chunks it had, and a set repairs it:
        // its chunks are found by scanning, and its charge is what remains after `verify`.
        let header = old.as_deref().and_then(Header::decode).map(|(header, _)| header);
        let charged = old.as_ref().map(|_| size(key, header.map_or(0, |header| header.len())));
        let after = before.replaced(charged, Some(size(key, value.len())));
        if !before.may_become(after, limits) {
            return Ok((Applied::OverQuota, before));
        }
        let generation = self.remove_chunks(changes, namespace, key, old.as_deref())?.saturating_add(1);
        let header = Header::of(value, generation);
        if !header.is_inline() {
            let chunks = layout::chunks_of(namespace, key);
            for (number, chunk) in (0..).zip(value.chunks(CHUNK)) {
                changes.insert(layout::chunk_row(&chunks, generation, number), chunk.to_vec());
            }
        }
        changes.insert(row, header.encode(value));
        Ok((Applied::Done(1), after))
    }

    fn delete(
        &self,
        changes: &mut Changes,
        namespace: &[u8],
        key: &[u8],
        before: Usage,
    ) -> Result<(Applied, Usage), StoreError> {
        let row = layout::key_row(namespace, key);
        let Some(old) = self.tree().get(&row).map_err(store_error)? else {
            return Ok((Applied::Done(0), before));
        };
        let charged = Header::decode(&old).map_or(0, |(header, _)| header.len());
        self.remove_chunks(changes, namespace, key, Some(&old))?;
        changes.remove(row);
        Ok((Applied::Done(1), before.replaced(Some(size(key, charged)), None)))
    }

    fn clear(
        &self,
        changes: &mut Changes,
        namespace: &[u8],
        prefix: &[u8],
        before: Usage,
    ) -> Result<(Applied, Usage), StoreError> {
        let (mut count, mut after) = (0, before);
        for row in self.tree().scan_prefix(layout::key_row(namespace, prefix)) {
            let (row, old) = row.map_err(store_error)?;
            let key = layout::parse_key_row(&row).map_or(&[][..], |(_, key)| key);
            let charged = Header::decode(&old).map_or(0, |(header, _)| header.len());
            self.remove_chunks(changes, namespace, key, Some(&old))?;
            after = after.replaced(Some(size(key, charged)), None);
            count += 1;
            changes.remove(row.to_vec());
        }
        Ok((Applied::Done(count), after))
    }

    /// Takes the chunks of the present value out, and says its generation.
    fn remove_chunks(
        &self,
        changes: &mut Changes,
        namespace: &[u8],
        key: &[u8],
        old: Option<&[u8]>,
    ) -> Result<u64, StoreError> {
        let Some(old) = old else { return Ok(0) };
        let chunks = layout::chunks_of(namespace, key);
        if let Some((header, _)) = Header::decode(old) {
            for number in 0..header.chunks() {
                changes.remove(layout::chunk_row(&chunks, header.generation, number));
            }
            return Ok(header.generation);
        }
        let mut newest = 0;
        for row in self.tree().scan_prefix(&chunks).keys() {
            let row = row.map_err(store_error)?;
            if let Some((_, _, generation, _)) = layout::parse_chunk_row(&row) {
                newest = newest.max(generation);
            }
            changes.remove(row.to_vec());
        }
        Ok(newest)
    }

    /// Begins a drop: from here on the namespace reads as empty, also after a crash.
    pub(crate) fn entomb(&self, namespace: &Namespace) -> Result<(), StoreError> {
        let _exclusive = namespace.rows.write();
        self.tree().insert(layout::tombstone_row(&namespace.name), &[]).map_err(store_error)?;
        self.dropping.write().insert(namespace.name.clone());
        Ok(())
    }

    /// One step of a drop; true when nothing is left and the namespace may be used again. The
    /// tombstone goes in a batch of its own, after all rows are gone.
    pub(crate) fn drop_step(&self, namespace: &Namespace) -> Result<bool, StoreError> {
        let name = &*namespace.name;
        let mut changes = Changes::default();
        let rows = [b'k', b'c'].map(|kind| self.tree().scan_prefix(layout::rows_of(kind, name)).keys());
        let mut found = 0;
        for row in rows.into_iter().flatten().take(DROP_STEP) {
            changes.remove(row.map_err(store_error)?.to_vec());
            found += 1;
        }
        changes.remove(layout::usage_row(name));
        self.tree().apply_batch(changes.into_batch()).map_err(in_doubt)?;
        if found == DROP_STEP {
            return Ok(false);
        }
        // Before the tombstone may go, what it hides must be gone for good.
        self.directory.flush()?;
        self.tree().remove(layout::tombstone_row(name)).map_err(store_error)?;
        let _exclusive = namespace.rows.write();
        self.dropping.write().remove(&namespace.name);
        Ok(true)
    }
}

fn size(key: &[u8], value: usize) -> u64 {
    u64::try_from(key.len().saturating_add(value)).unwrap_or(u64::MAX)
}
