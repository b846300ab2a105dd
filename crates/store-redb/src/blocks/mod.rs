//! The file under redb: blocks with checksums, and one fsync for a commit.
//!
//! redb trusts what it reads, and syncs twice for a commit whose recovery needs no walk through the
//! database. This layer checks every block it reads, and makes a commit of one sync: pages go to their
//! places as redb writes them, block 0 stays in memory, and [`Blocks::persist`] writes a [`Head`] that
//! holds block 0 and the checksums of all blocks of the commit. After a crash the newest head counts
//! whose blocks are all there. That is safe because redb never overwrites a page of the last commit.

mod block;
mod disk;
mod head;
mod page;

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;
use redb::StorageBackend;

use block::{BLOCK, Digest, STORED, State, check, differing_bits, digest};
pub(crate) use disk::Disk;
use head::{Head, MAX_LISTED, SLOT, SLOTS};

/// The file of a database. A clone is the same file.
#[derive(Debug)]
pub(crate) struct Blocks<D>(Arc<Inner<D>>);

#[derive(Debug)]
struct Inner<D> {
    disk: D,
    write: Mutex<Writing>,
    /// As redb set it.
    len: AtomicU64,
    /// While set, redb's syncs wait for [`Blocks::persist`].
    deferred: AtomicBool,
    /// Who finds the damage that is passed on; see [`Judges`].
    judges: AtomicU8,
    failed: AtomicBool,
    counts: [AtomicU64; 2],
}

/// Where damage does not fail the whole store, because every value there has a checksum of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Judges {
    /// Nowhere.
    Nobody = 0,
    /// Behind the keys of a leaf of more than one block: inside a large value.
    LargeValues = 1,
    /// In all of a leaf, for rows whose checksum covers their key as well.
    EveryValue = 2,
}

#[derive(Debug)]
struct Writing {
    /// Block 0 as redb last wrote it.
    first: Vec<u8>,
    /// What is on disk for good, apart from the blocks it lists, which arrived with it.
    head: Head,
    listed: HashSet<u64>,
    /// Blocks written since.
    dirty: HashMap<u64, Digest>,
    disk_len: u64,
}

impl<D> Clone for Blocks<D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<D: Disk> Blocks<D> {
    /// Finds the newest state that is whole. An empty file is an empty database.
    pub(crate) fn open(disk: D) -> io::Result<Self> {
        let disk_len = disk.len()?;
        let head = if disk_len == 0 {
            Head { sequence: 0, len: 0, first: vec![0; BLOCK], listed: Vec::new() }
        } else {
            newest(&disk, disk_len)?
        };
        Ok(Self(Arc::new(Inner {
            len: AtomicU64::new(head.len),
            write: Mutex::new(Writing {
                first: head.first.clone(),
                listed: head.listed.iter().map(|(number, _)| *number).collect(),
                head,
                dirty: HashMap::new(),
                disk_len,
            }),
            disk,
            deferred: AtomicBool::new(false),
            judges: AtomicU8::new(Judges::Nobody as u8),
            failed: AtomicBool::new(false),
            counts: Default::default(),
        })))
    }

    /// From now on damage where `judges` says is that of the values there, not the store's.
    pub(crate) fn serve(&self, judges: Judges) {
        self.0.judges.store(judges as u8, Ordering::Release);
    }

    /// Runs a commit with its syncs put off until [`Blocks::persist`], which must come before the next.
    pub(crate) fn defer<T>(&self, commit: impl FnOnce() -> T) -> T {
        self.0.deferred.store(true, Ordering::Release);
        let result = commit();
        self.0.deferred.store(false, Ordering::Release);
        result
    }

    /// Makes what was written survive power loss. After a failure nothing is written any more: an
    /// fsync that is tried again may report a success that is none.
    pub(crate) fn persist(&self) -> io::Result<()> {
        self.0.guarded(|inner| inner.persist(&mut inner.write.lock()))
    }

    /// Blocks with one flipped bit, and blocks with more, that reads met since the opening.
    pub(crate) fn counts(&self) -> [u64; 2] {
        [0, 1].map(|n| self.0.counts.get(n).map_or(0, |count| count.load(Ordering::Relaxed)))
    }

    /// Reads every block and writes back those of which one bit had flipped; says how many. Nobody
    /// may write meanwhile. Blocks with more damage are left: those in use are found by their readers,
    /// and the others are what a crash left of writes that never counted.
    pub(crate) fn scrub(&self) -> io::Result<u64> {
        let inner = &*self.0;
        let (mut healed, mut buffer) = (0, vec![0; STORED]);
        for number in 1..inner.len.load(Ordering::Acquire) / BLOCK as u64 {
            inner.disk.read_at(place(number), &mut buffer)?;
            let (data, sum) = buffer.split_at_mut(BLOCK);
            if check(number, data, sum) == State::Corrected {
                sum.copy_from_slice(&digest(number, data));
                inner.guarded(|inner| inner.disk.write_at(place(number), &buffer))?;
                healed += 1;
            }
        }
        if healed > 0 {
            inner.guarded(|inner| inner.disk.sync())?;
        }
        Ok(healed)
    }
}

fn newest<D: Disk>(disk: &D, disk_len: u64) -> io::Result<Head> {
    let mut slot = vec![0; SLOT];
    let mut heads = Vec::new();
    for offset in (0..SLOTS).map(head::offset) {
        let there = usize::try_from(disk_len.saturating_sub(offset)).unwrap_or(SLOT).min(SLOT);
        let Some(slot) = slot.get_mut(..there) else { continue };
        disk.read_at(offset, slot)?;
        heads.extend(Head::decode(slot));
    }
    heads.sort_by_key(|head| std::cmp::Reverse(head.sequence));
    let arrived = |&(number, expected): &(u64, Digest)| {
        let mut buffer = vec![0; STORED];
        let read = disk.read_at(place(number), &mut buffer);
        let (data, sum) = buffer.split_at_mut(BLOCK);
        // The checksum lies in another sector than most of the data, and may be what did not arrive.
        read.is_ok()
            && differing_bits(sum, &expected) <= 1
            && check(number, data, &expected) != State::Damaged
    };
    let whole = heads.into_iter().find(|head| head.listed.iter().all(arrived));
    whole.ok_or_else(|| damaged("no whole head in the file"))
}

fn place(number: u64) -> u64 {
    SLOTS * SLOT as u64 + number * STORED as u64
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The blocks that bytes from `offset` on lie in.
fn blocks_of(offset: u64, len: usize) -> Range<u64> {
    offset / BLOCK as u64..(offset + len as u64).div_ceil(BLOCK as u64)
}

impl<D: Disk> Inner<D> {
    fn guarded<T>(&self, work: impl FnOnce(&Self) -> io::Result<T>) -> io::Result<T> {
        if self.failed.load(Ordering::Acquire) {
            return Err(io::Error::other("an earlier write failed"));
        }
        work(self).inspect_err(|_| self.failed.store(true, Ordering::Release))
    }

    fn persist(&self, writing: &mut Writing) -> io::Result<()> {
        let len = self.len.load(Ordering::Acquire);
        let same = writing.first == writing.head.first && len == writing.head.len;
        if writing.dirty.is_empty() && same {
            return Ok(());
        }
        // What lies behind a new end was written and given up within this commit. It will be cut off, so
        // the head must not wait for it.
        writing.dirty.retain(|number, _| *number < len.div_ceil(BLOCK as u64));
        if writing.dirty.len() > MAX_LISTED {
            self.disk.sync()?;
            writing.dirty.clear();
        }
        let listed = writing.dirty.drain().collect();
        let sequence = writing.head.sequence + 1;
        self.put(writing, Head { sequence, len, first: writing.first.clone(), listed })?;
        // Not before: what is cut off may have been part of the state that counted until now.
        let wanted = place(len.div_ceil(BLOCK as u64));
        if wanted < writing.disk_len {
            self.disk.set_len(wanted)?;
            writing.disk_len = wanted;
        }
        Ok(())
    }

    /// Writes the last head once more without its list, because its blocks are known to be there and
    /// one of them is about to change.
    fn confirm(&self, writing: &mut Writing) -> io::Result<()> {
        let head = Head { sequence: writing.head.sequence + 1, listed: Vec::new(), ..writing.head.clone() };
        self.put(writing, head)
    }

    fn put(&self, writing: &mut Writing, head: Head) -> io::Result<()> {
        let bytes = head.encode();
        for offset in head.offsets() {
            self.disk.write_at(offset, &bytes)?;
        }
        self.disk.sync()?;
        writing.listed = head.listed.iter().map(|(number, _)| *number).collect();
        writing.head = head;
        Ok(())
    }

    fn load(&self, first: u64, out: &mut [u8]) -> io::Result<()> {
        let mut stored = vec![0; out.len() / BLOCK * STORED];
        self.disk.read_at(place(first), &mut stored)?;
        let (mut keys_end, judges) = (usize::MAX, self.judges.load(Ordering::Acquire));
        for ((index, number), from) in (0..).zip(first..).zip(stored.chunks_exact(STORED)) {
            let (data, sum) = from.split_at(BLOCK);
            let Some(to) = out.get_mut(index * BLOCK..(index + 1) * BLOCK) else { break };
            to.copy_from_slice(data);
            let state = check(number, to, sum);
            if index == 0 {
                keys_end = page::keys_end(to);
            }
            match state {
                State::Sound => {}
                State::Corrected => self.count(0, number, "a flipped bit was corrected"),
                State::Damaged => {
                    self.count(1, number, "a block is damaged");
                    let in_large_value = index * BLOCK >= keys_end && judges == Judges::LargeValues as u8;
                    let in_leaf = keys_end != usize::MAX && judges == Judges::EveryValue as u8;
                    if !in_large_value && !in_leaf {
                        return Err(damaged("a block is damaged"));
                    }
                }
            }
        }
        Ok(())
    }

    fn count(&self, which: usize, number: u64, what: &str) {
        if let Some(count) = self.counts.get(which) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        tracing::warn!(number, "embedded store: {what}");
    }

    fn write_blocks(&self, writing: &mut Writing, first: u64, data: &[u8]) -> io::Result<()> {
        let numbers = first..first + (data.len() / BLOCK) as u64;
        if numbers.clone().any(|number| writing.listed.contains(&number)) {
            self.confirm(writing)?;
        }
        let mut stored = Vec::with_capacity(data.len() / BLOCK * STORED);
        for (number, data) in numbers.zip(data.chunks_exact(BLOCK)) {
            let sum = digest(number, data);
            stored.extend(data);
            stored.extend(sum);
            writing.dirty.insert(number, sum);
        }
        self.disk.write_at(place(first), &stored)
    }
}

impl<D: Disk> StorageBackend for Blocks<D> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len.load(Ordering::Acquire))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.guarded(|inner| {
            let mut writing = inner.write.lock();
            let wanted = place(len.div_ceil(BLOCK as u64));
            if wanted > writing.disk_len {
                inner.disk.set_len(wanted)?;
                writing.disk_len = wanted;
            }
            inner.len.store(len, Ordering::Release);
            Ok(())
        })
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let inner = &*self.0;
        if offset + out.len() as u64 > inner.len.load(Ordering::Acquire) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let from_first = (BLOCK as u64).saturating_sub(offset).min(out.len() as u64);
        let (head, rest) = out.split_at_mut(usize::try_from(from_first).map_err(io::Error::other)?);
        if !head.is_empty() {
            let start = usize::try_from(offset).map_err(io::Error::other)?;
            let writing = inner.write.lock();
            let bytes = writing.first.get(start..start + head.len()).unwrap_or_default();
            head.copy_from_slice(bytes);
        }
        if rest.is_empty() {
            return Ok(());
        }
        let offset = offset + from_first;
        let (numbers, skip) =
            (blocks_of(offset, rest.len()), usize::try_from(offset % BLOCK as u64).unwrap_or(0));
        if skip == 0 && rest.len().is_multiple_of(BLOCK) {
            return inner.load(numbers.start, rest);
        }
        let mut whole = vec![0; usize::try_from(numbers.end - numbers.start).unwrap_or(0) * BLOCK];
        inner.load(numbers.start, &mut whole)?;
        rest.copy_from_slice(whole.get(skip..skip + rest.len()).unwrap_or_default());
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.guarded(|inner| {
            let mut writing = inner.write.lock();
            let to_first = (BLOCK as u64).saturating_sub(offset).min(data.len() as u64);
            let (head, rest) = data.split_at(usize::try_from(to_first).map_err(io::Error::other)?);
            if !head.is_empty() {
                let start = usize::try_from(offset).map_err(io::Error::other)?;
                if let Some(to) = writing.first.get_mut(start..start + head.len()) {
                    to.copy_from_slice(head);
                }
            }
            if rest.is_empty() {
                return Ok(());
            }
            let offset = offset + to_first;
            let (numbers, skip) =
                (blocks_of(offset, rest.len()), usize::try_from(offset % BLOCK as u64).unwrap_or(0));
            if skip == 0 && rest.len().is_multiple_of(BLOCK) {
                return inner.write_blocks(&mut writing, numbers.start, rest);
            }
            let mut whole = vec![0; usize::try_from(numbers.end - numbers.start).unwrap_or(0) * BLOCK];
            inner.load(numbers.start, &mut whole)?;
            if let Some(to) = whole.get_mut(skip..skip + rest.len()) {
                to.copy_from_slice(rest);
            }
            inner.write_blocks(&mut writing, numbers.start, &whole)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.0.deferred.load(Ordering::Acquire) { Ok(()) } else { self.persist() }
    }

    /// Leaves a head without a list: an opening that finds damage then knows that it is no crash's.
    fn close(&self) -> io::Result<()> {
        self.0.guarded(|inner| {
            let mut writing = inner.write.lock();
            inner.persist(&mut writing)?;
            if writing.head.listed.is_empty() { Ok(()) } else { inner.confirm(&mut writing) }
        })
    }
}
