//! Readers beside writers, on a small cache: whatever is read was true at some moment of the read.
//!
//! Each writer owns some keys, and every state it writes has a number; a reader notes what was acknowledged
//! before it asked and what was tried when it had its answer. 24 rounds, or 400 with `ASTRID_LONG_TESTS` set.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot set up must fail"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use astrid_host_context::{CapsuleId, Principal, Scope};
use astrid_host_kv::{Answer, Key, Limits, Mutation, Prefix, Store, Terms, Value};
use astrid_store_redb::{Durability, Options, RedbStore};
use parking_lot::RwLock;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const KEYS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Set(usize, usize),
    Delete(usize),
    Cas(usize),
    Clear,
    Drop,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..KEYS, prop::sample::select(vec![8_usize, 1000, 5000, 70_000]))
            .prop_map(|(key, size)| Step::Set(key, size)),
        2 => (0..KEYS).prop_map(Step::Delete),
        2 => (0..KEYS).prop_map(Step::Cas),
        1 => Just(Step::Clear),
        1 => Just(Step::Drop),
    ]
}

fn scope(writer: usize) -> Scope {
    let principal = Principal::parse(&format!("p{writer}")).unwrap();
    Scope { principal: Some(principal), capsule: CapsuleId::parse("c").unwrap() }
}

fn key(n: usize) -> Key {
    Key::parse(format!("k{n}")).unwrap()
}

fn value(state: u64, size: usize) -> Value {
    let mut value = vec![u8::try_from(state % 256).unwrap(); size];
    value[..8].copy_from_slice(&state.to_le_bytes());
    value.into()
}

/// One key: what it was made in each state, and how far its writer got.
#[derive(Default)]
struct History {
    /// By state, whether the key is there then. State 0 is absence.
    present: RwLock<Vec<bool>>,
    acked: AtomicU64,
}

struct World {
    store: RedbStore,
    keys: Vec<Vec<History>>,
    ended: AtomicBool,
}

impl World {
    /// Announces the next state of these keys, lets it happen, and notes it as acknowledged.
    async fn write(&self, writer: usize, keys: &[usize], present: bool, make: impl AsyncFnOnce(u64)) {
        let mut next = 0;
        for key in keys {
            let mut states = self.keys[writer][*key].present.write();
            next = states.len() as u64;
            states.push(present);
        }
        make(next).await;
        for key in keys {
            let history = &self.keys[writer][*key];
            let last = history.present.read().len() as u64 - 1;
            history.acked.store(last, Ordering::SeqCst);
        }
    }

    async fn apply(&self, writer: usize, mutation: Mutation) {
        let terms = Terms::commit(Limits { bytes: 1 << 40, keys: 1 << 40 });
        self.store.apply(&scope(writer), mutation, terms).await.unwrap().await.unwrap();
    }

    async fn run(&self, writer: usize, steps: &[Step]) {
        let all: Vec<_> = (0..KEYS).collect();
        for step in steps {
            match step {
                Step::Set(n, size) => {
                    let set = async |state| {
                        self.apply(writer, Mutation::Set { key: key(*n), value: value(state, *size) }).await;
                    };
                    self.write(writer, &[*n], true, set).await;
                }
                Step::Delete(n) => {
                    let delete = async |_| self.apply(writer, Mutation::Delete { key: key(*n) }).await;
                    self.write(writer, &[*n], false, delete).await;
                }
                Step::Cas(n) => {
                    // The writer reads its own writes, so the comparison always holds.
                    let before = self.store.get(&scope(writer), &key(*n)).await.unwrap();
                    let cas = async |state| {
                        let new = value(state, 100);
                        self.apply(writer, Mutation::Cas { key: key(*n), expected: before, new }).await;
                    };
                    self.write(writer, &[*n], true, cas).await;
                    let now = self.store.get(&scope(writer), &key(*n)).await.unwrap().unwrap();
                    assert_eq!(now.len(), 100, "a writer does not read what it wrote");
                }
                Step::Clear => {
                    let prefix = Prefix::parse("k").unwrap();
                    let clear = async |_| self.apply(writer, Mutation::Clear { prefix }).await;
                    self.write(writer, &all, false, clear).await;
                }
                Step::Drop => {
                    let drop = async |_| self.store.drop_namespace(&scope(writer)).await.unwrap();
                    self.write(writer, &all, false, drop).await;
                }
            }
        }
    }

    /// Reads everything again and again until the writers ended, and once more; how often no thread was asked.
    async fn read(&self) -> u64 {
        let (mut latest, mut inline) = (vec![[0_u64; KEYS]; self.keys.len()], 0);
        loop {
            let last = self.ended.load(Ordering::SeqCst);
            for (writer, keys) in self.keys.iter().enumerate() {
                for (n, history) in keys.iter().enumerate() {
                    let acked = history.acked.load(Ordering::SeqCst);
                    let (scope, key) = (scope(writer), key(n));
                    let answer = self.store.get(&scope, &key);
                    inline += u64::from(matches!(answer, Answer::Ready(_)));
                    let found = answer.await.unwrap();
                    let states = history.present.read();
                    let from = acked.max(latest[writer][n]);
                    let state = match &found {
                        Some(found) => {
                            let state = u64::from_le_bytes(found[..8].try_into().unwrap());
                            assert_eq!(*found, value(state, found.len()), "a torn value");
                            assert!(states[usize::try_from(state).unwrap()], "of a deleted state");
                            state
                        }
                        // The earliest that it can be: nothing is claimed that was not seen.
                        None => (from..states.len() as u64)
                            .find(|state| !states[usize::try_from(*state).unwrap()])
                            .unwrap_or_else(|| panic!("p{writer} k{n} is not there, after {from}")),
                    };
                    assert!(state >= from, "p{writer} k{n} was {state} after {from}");
                    latest[writer][n] = state;
                }
            }
            if last {
                return inline;
            }
            tokio::task::yield_now().await;
        }
    }
}

// kv §2.5: the row cache is no exception
#[test]
fn a_read_beside_writers_gives_a_state_between_the_last_acknowledged_and_the_last_tried() {
    let rounds = if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 400 } else { 24 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let mut runner =
        TestRunner::new(Config { cases: rounds, failure_persistence: None, ..Config::default() });
    let inline = AtomicU64::new(0);
    // A small cache drives things out, a large one keeps them; relaxed commits come faster.
    let options = (prop::sample::select(vec![16_u64 << 10, 200 << 10, 16 << 20]), any::<bool>());
    let writers = prop::collection::vec(prop::collection::vec(step(), 1..40), 1..4);
    runner
        .run(&(options, writers), |((row_cache_bytes, relaxed), writers)| {
            let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let durability = if relaxed { Durability::Relaxed } else { Durability::Flushed };
            let options = Options { row_cache_bytes, durability, ..Options::default() };
            let history = || History { present: RwLock::new(vec![false]), ..History::default() };
            let world = Arc::new(World {
                store: RedbStore::open(directory.path(), &options).unwrap(),
                keys: writers.iter().map(|_| (0..KEYS).map(|_| history()).collect()).collect(),
                ended: AtomicBool::new(false),
            });
            runtime.block_on(async {
                let spawn = |reader: Arc<World>| tokio::spawn(async move { reader.read().await });
                let readers = [spawn(world.clone()), spawn(world.clone()), spawn(world.clone())];
                let mut writing = tokio::task::JoinSet::new();
                for (writer, steps) in writers.into_iter().enumerate() {
                    let world = world.clone();
                    writing.spawn(async move { world.run(writer, &steps).await });
                }
                while let Some(ended) = writing.join_next().await {
                    ended.unwrap();
                }
                world.ended.store(true, Ordering::SeqCst);
                for reader in readers {
                    inline.fetch_add(reader.await.unwrap(), Ordering::Relaxed);
                }
                world.store.close().await;
            });
            Ok(())
        })
        .unwrap();
    assert!(inline.load(Ordering::Relaxed) > 0, "nothing was read from memory, so nothing was tested");
}
