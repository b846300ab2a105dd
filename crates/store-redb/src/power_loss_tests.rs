//! Power loss: a disk that forgets what was not synced, in part and torn, at any moment.

use std::io;
use std::path::Path;
use std::sync::Arc;

use astrid_host_context::{CapsuleId, Principal, Scope};
use astrid_host_kv::{Applied, Cursor, Key, Limits, Mutation, Prefix, Store, Terms};
use parking_lot::Mutex;

use crate::blocks::Disk;
use crate::directory::{Database, Holds};
use crate::{Options, RedbStore};

/// Bytes that a disk writes whole or not at all.
const SECTOR: usize = 512;

/// What a disk holds for good, what it would say now, and what is on its way.
#[derive(Debug, Clone, Default)]
struct Lossy(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    durable: Vec<u8>,
    seen: Vec<u8>,
    unsynced: Vec<Change>,
    /// Operations until the power goes; none is never.
    left: Option<u64>,
    done: u64,
}

#[derive(Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>, mut keep: impl FnMut() -> bool) {
        match self {
            Self::Length(len) => bytes.resize(usize::try_from(*len).unwrap(), 0),
            Self::Write(offset, data) => {
                let mut at = usize::try_from(*offset).unwrap();
                for sector in data.chunk_by_sector(at) {
                    if keep() {
                        if bytes.len() < at + sector.len() {
                            bytes.resize(at + sector.len(), 0);
                        }
                        bytes[at..at + sector.len()].copy_from_slice(sector);
                    }
                    at += sector.len();
                }
            }
        }
    }
}

trait BySector {
    fn chunk_by_sector(&self, at: usize) -> Vec<&[u8]>;
}

impl BySector for Vec<u8> {
    fn chunk_by_sector(&self, at: usize) -> Vec<&[u8]> {
        let (first, rest) = self.split_at((SECTOR - at % SECTOR).min(self.len()));
        std::iter::once(first).chain(rest.chunks(SECTOR)).collect()
    }
}

impl Lossy {
    fn step(&self) -> io::Result<parking_lot::MutexGuard<'_, Held>> {
        let mut held = self.0.lock();
        held.done += 1;
        match &mut held.left {
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(held)
    }

    /// The disk after the power came back: of what was on its way any part may have arrived.
    fn after_power_loss(&self, dice: &mut Dice) -> Self {
        let held = self.0.lock();
        let mut durable = held.durable.clone();
        let likely = dice.roll(4);
        for change in &held.unsynced {
            let whole = dice.roll(4) < likely;
            match change {
                Change::Length(_) if !whole => {}
                change => change.apply(&mut durable, || whole || dice.roll(4) < likely),
            }
        }
        Self(Arc::new(Mutex::new(Held { seen: durable.clone(), durable, ..Held::default() })))
    }
}

impl Disk for Lossy {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().seen.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut held = self.step()?;
        let change = Change::Length(len);
        change.apply(&mut held.seen, || true);
        held.unsynced.push(change);
        Ok(())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let (held, at) = (self.0.lock(), usize::try_from(offset).unwrap());
        let found = held.seen.get(at..at + bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut held = self.step()?;
        let change = Change::Write(offset, bytes.to_vec());
        change.apply(&mut held.seen, || true);
        held.unsynced.push(change);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut held = self.step()?;
        let Held { durable, unsynced, .. } = &mut *held;
        for change in unsynced.drain(..) {
            change.apply(durable, || true);
        }
        Ok(())
    }
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
}

fn open(disk: &Lossy, fresh: bool) -> RedbStore {
    let path = Path::new("lossy");
    let database = Database::open(disk.clone(), Holds::Values, 1 << 20, path, fresh, None).unwrap();
    RedbStore::on(database, path, &Options::default()).unwrap()
}

fn scope() -> Scope {
    Scope { principal: Some(Principal::parse("al").unwrap()), capsule: CapsuleId::parse("a").unwrap() }
}

fn key(n: u64) -> Key {
    Key::parse(format!("k{n:03}")).unwrap()
}

fn value(n: u64, generation: u64) -> Vec<u8> {
    let length = [10, 200, 3_000, 9_000, 70_000, 200_000][usize::try_from((n + generation) % 6).unwrap()];
    [&n.to_le_bytes()[..], &generation.to_le_bytes(), &vec![u8::try_from(generation % 251).unwrap(); length]]
        .concat()
}

async fn apply(store: &RedbStore, mutation: Mutation) -> Option<Applied> {
    let terms = Terms::commit(Limits { bytes: 1 << 40, keys: 1 << 40 });
    store.apply(&scope(), mutation, terms).await.ok()?.await.ok()
}

const KEYS: u64 = 24;

/// Four tasks set, delete and clear until the power goes. Per key: what was acknowledged last, what
/// was tried since; generation 0 is absence.
async fn work(store: &Arc<RedbStore>, ledger: &Arc<Mutex<Vec<Vec<u64>>>>, round: u64) {
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..4 {
        let (store, ledger) = (store.clone(), ledger.clone());
        tasks.spawn(async move {
            let mut dice = Dice(round * 31 + task + 1);
            for step in 1..60 {
                let n = task + 4 * dice.roll(KEYS / 4);
                let deletes = dice.roll(5) == 0;
                let generation = if deletes { 0 } else { round * 1000 + step };
                let mutation = if deletes {
                    Mutation::Delete { key: key(n) }
                } else {
                    Mutation::Set { key: key(n), value: value(n, generation).into() }
                };
                let at = usize::try_from(n).unwrap();
                ledger.lock()[at].push(generation);
                match apply(&store, mutation).await {
                    Some(_) => ledger.lock()[at] = vec![generation],
                    None => return,
                }
            }
        });
    }
    tasks.join_all().await;
}

async fn check(store: &RedbStore, ledger: &Mutex<Vec<Vec<u64>>>, round: u64) {
    for n in 0..KEYS {
        let found = store.get(&scope(), &key(n)).await.unwrap();
        let generation = found.as_ref().map_or(0, |v| u64::from_le_bytes(v[8..16].try_into().unwrap()));
        if let Some(found) = found {
            assert!(*found == *value(n, generation), "round {round} key {n}: torn");
        }
        let mut ledger = ledger.lock();
        let possible = &mut ledger[usize::try_from(n).unwrap()];
        assert!(possible.contains(&generation), "round {round} key {n}: {generation} of {possible:?}");
        *possible = vec![generation];
    }
    let report = store.verify(false).await.unwrap();
    assert!(report.is_clean(), "round {round}: {report:?}");
}

// kv case 39 and §4.8, with power loss instead of SIGKILL
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_power_loss_every_acknowledged_write_is_there_whole() {
    let rounds = if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 3_000 } else { 150 };
    let mut disk = Lossy::default();
    open(&disk, true).close().await;
    let ledger = Arc::new(Mutex::new(vec![vec![0]; usize::try_from(KEYS).unwrap()]));
    let (mut dice, mut cut_short) = (Dice(0x9e37_79b9), 0);
    for round in 1..=rounds {
        let store = Arc::new(open(&disk, false));
        disk.0.lock().left = Some(1 + dice.roll(if round % 3 == 0 { 20 } else { 1500 }));
        work(&store, &ledger, round).await;
        cut_short += u64::from(store.stats().failed.is_some());
        store.close().await;
        drop(store);
        disk = disk.after_power_loss(&mut dice);
        let store = open(&disk, false);
        check(&store, &ledger, round).await;
        // Every other time the next loss meets an opening without a clean end before it.
        if round % 2 == 0 {
            store.close().await;
        } else {
            let copy = disk.after_power_loss(&mut dice);
            store.close().await;
            disk = copy;
        }
    }
    assert!(cut_short > rounds / 3, "{cut_short} of {rounds}: the power went after the work");
}

// kv case 26, with power loss
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clear_cut_by_power_loss_is_all_or_nothing() {
    let mut dice = Dice(77);
    let disk = Lossy::default();
    let store = open(&disk, true);
    for n in 0..300 {
        apply(&store, Mutation::Set { key: key(n), value: vec![1; 5_000].into() }).await.unwrap();
    }
    store.close().await;
    let (mut whole, mut gone) = (0, 0);
    for round in 0..40 {
        let disk = disk.after_power_loss(&mut dice);
        let store = open(&disk, false);
        disk.0.lock().left = Some(round);
        let cleared = apply(&store, Mutation::Clear { prefix: Prefix::parse("k").unwrap() }).await;
        let copy = disk.after_power_loss(&mut dice);
        store.close().await;
        let store = open(&copy, false);
        let page = store.page(&scope(), &Prefix::parse("").unwrap(), None::<&Cursor>, 1000).await.unwrap();
        match page.keys.len() {
            0 => gone += 1,
            300 => whole += 1,
            other => panic!("round {round}: {other} keys"),
        }
        assert!(cleared.is_none() || page.keys.is_empty(), "round {round}: acknowledged and undone");
        assert!(store.verify(false).await.unwrap().is_clean());
        store.close().await;
    }
    assert!(whole > 0 && gone > 0, "{whole} {gone}");
}

// Usage rows that are wrong and chunks that belong to nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_finds_and_repairs_wrong_usage_and_orphan_chunks() {
    let disk = Lossy::default();
    let store = open(&disk, true);
    apply(&store, Mutation::Set { key: key(1), value: vec![7; 100].into() }).await.unwrap();
    store.close().await;
    drop(store);
    let database =
        Database::open(disk.clone(), Holds::Values, 1 << 20, Path::new("lossy"), false, None).unwrap();
    let transaction = database.redb.begin_write().unwrap();
    {
        let mut rows = transaction.open_table(crate::engine::ROWS).unwrap();
        rows.insert(&b"ual:capsule:a"[..], &[9; 16][..]).unwrap();
        rows.insert(&b"cal:capsule:a\0k001\0\0\0\0\0"[..], &b"orphan"[..]).unwrap();
    }
    database.commit(transaction).unwrap();
    drop(database);
    let store = open(&disk, false);
    let found = store.verify(true).await.unwrap();
    assert_eq!((found.wrong_usage.len(), found.orphan_chunks, found.repaired), (1, 1, true));
    assert!(store.verify(false).await.unwrap().is_clean());
    assert_eq!(store.usage(&scope()).await.unwrap().bytes, 104);
    store.close().await;
}
