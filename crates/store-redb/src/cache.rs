//! Values that were read before, given out without another thread: the path of a read that cannot wait
//! for a disk.
//!
//! What is kept is marked with the counts of changes that were in force before it was read, and is only
//! ever given out while both are the same. So a write makes what is kept of its key worthless before
//! anybody can see the write, without touching the cache, and a reader that is late puts back something
//! that nobody will be given. Isolation is the row's own: its name begins with the whole namespace.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use astrid_host_kv::Value;
use parking_lot::Mutex;

use crate::changes::Changes;

/// Values above this are read from the engine's own pages: the hop is little of what they cost, and a few
/// of them would drive out everything small.
const LARGEST: usize = 64 << 10;
/// What an entry costs beside its two texts, counted against the budget: map, queue and counters.
const OVERHEAD: usize = 160;
/// So many locks, that readers on all cores of a large machine seldom meet.
const SHARDS: usize = 16;
/// Counters of rows: a write to another row of the same counter costs a read its hop, and a full group of
/// 256 writes touches one in sixteen.
const ROW_COUNTERS: usize = 4096;
/// Counters of namespaces that were cleared or dropped, which is rare.
const SWEEP_COUNTERS: usize = 256;

/// What one mutation changed.
#[derive(Debug)]
pub(crate) enum Touched {
    /// This row of the namespace.
    Row(Box<[u8]>),
    /// Any number of them.
    Many,
}

/// The counts that a value is read after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    row: u64,
    sweep: u64,
}

/// What the cache says of a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Its value now, none for absent.
    Known(Option<Value>),
    /// To be read; with a mark, what is read may be kept.
    Unknown(Option<Mark>),
}

#[derive(Debug)]
pub(crate) struct Cache {
    rows: Changes,
    sweeps: Changes,
    hash: RandomState,
    shards: Box<[Mutex<Shard>]>,
    /// Of one shard, in bytes.
    budget: usize,
    hits: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<Arc<[u8]>, Entry>,
    /// Every entry once, the next to look at when room is needed in front.
    turns: VecDeque<Arc<[u8]>>,
    used: usize,
}

#[derive(Debug)]
struct Entry {
    value: Option<Value>,
    mark: Mark,
    /// Given out since it was last looked at, so it stays for another turn.
    wanted: bool,
}

impl Cache {
    /// Keeps up to `budget` bytes; none at 0.
    pub(crate) fn new(budget: u64) -> Self {
        let budget = usize::try_from(budget).unwrap_or(usize::MAX);
        Self {
            rows: Changes::on(ROW_COUNTERS),
            sweeps: Changes::on(SWEEP_COUNTERS),
            hash: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            budget: budget / SHARDS,
            hits: AtomicU64::new(0),
        }
    }

    /// What is known of a row, and if nothing, what to read it under.
    pub(crate) fn find(&self, namespace: &[u8], row: &[u8]) -> Found {
        if self.budget == 0 {
            return Found::Unknown(None);
        }
        let kept = self.shard(row).and_then(|shard| shard.lock().get(row));
        // After the entry was taken: who finds the counts as they were before it was read has what is true now.
        let now = self.mark(namespace, row);
        match kept {
            Some((value, mark)) if now == Some(mark) => {
                self.hits.fetch_add(1, Ordering::Relaxed);
                Found::Known(value)
            }
            _ => Found::Unknown(now),
        }
    }

    /// Keeps what was read of a row after `mark` was made.
    pub(crate) fn keep(&self, row: Box<[u8]>, mark: Mark, value: Option<&Value>) {
        let size = value.map_or(0, |value| value.len());
        if size > LARGEST || weight(&row, value) > self.budget {
            return;
        }
        let entry = Entry { value: value.cloned(), mark, wanted: false };
        // What was driven out is freed outside the lock.
        let gone = self.shard(&row).map(|shard| shard.lock().put(row.into(), entry, self.budget));
        drop(gone);
    }

    /// Makes `change` readable, which touches these rows of these namespaces.
    pub(crate) fn during<'a, T>(
        &self,
        touched: impl Iterator<Item = (&'a [u8], &'a Touched)> + Clone,
        change: impl FnOnce() -> T,
    ) -> T {
        let rows = touched.clone().filter_map(|(_, touched)| match touched {
            Touched::Row(row) => Some(&**row),
            Touched::Many => None,
        });
        let swept = touched.filter(|(_, touched)| matches!(touched, Touched::Many)).map(|(name, _)| name);
        self.rows.during(rows, || self.sweeps.during(swept, change))
    }

    /// Makes a change readable of whatever rows.
    pub(crate) fn during_any<T>(&self, change: impl FnOnce() -> T) -> T {
        self.sweeps.during_any(change)
    }

    /// How often a read was answered from here.
    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    fn mark(&self, namespace: &[u8], row: &[u8]) -> Option<Mark> {
        Some(Mark { row: self.rows.settled(row)?, sweep: self.sweeps.settled(namespace)? })
    }

    fn shard(&self, row: &[u8]) -> Option<&Mutex<Shard>> {
        let at = usize::try_from(self.hash.hash_one(row)).ok()?.checked_rem(self.shards.len())?;
        self.shards.get(at)
    }
}

impl Shard {
    fn get(&mut self, row: &[u8]) -> Option<(Option<Value>, Mark)> {
        let entry = self.entries.get_mut(row)?;
        entry.wanted = true;
        Some((entry.value.clone(), entry.mark))
    }

    /// Puts an entry in, and hands back those that had to go for it.
    fn put(&mut self, row: Arc<[u8]>, entry: Entry, budget: usize) -> Vec<Entry> {
        let mut gone = Vec::new();
        self.used += weight(&row, entry.value.as_ref());
        match self.entries.insert(row.clone(), entry) {
            Some(old) => {
                self.used -= weight(&row, old.value.as_ref());
                gone.push(old);
            }
            None => self.turns.push_back(row),
        }
        while self.used > budget {
            let Some(row) = self.turns.pop_front() else { break };
            if self.entries.get_mut(&row).is_some_and(|entry| std::mem::take(&mut entry.wanted)) {
                self.turns.push_back(row);
            } else if let Some(entry) = self.entries.remove(&row) {
                self.used -= weight(&row, entry.value.as_ref());
                gone.push(entry);
            }
        }
        gone
    }
}

fn weight(row: &[u8], value: Option<&Value>) -> usize {
    OVERHEAD.saturating_add(row.len()).saturating_add(value.map_or(0, |value| value.len()))
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
