//! The crash harness: a child process works on a store and says what it tries and what was
//! acknowledged; it is killed at a random moment; what it left must agree with what it said.
//!
//! 20 rounds and a tenth of the keys, or all of what the cases say with `ASTRID_LONG_TESTS` set.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot set up must fail"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_host_context::{CapsuleId, Principal, Scope};
use astrid_host_kv::{Applied, Key, Limits, Mutation, Prefix, Store, Terms, Value};
use astrid_store_redb::{Options, RedbStore};

const DIRECTORY: &str = "ASTRID_CRASH_DIRECTORY";
const ROUND: &str = "ASTRID_CRASH_ROUND";
const TASKS: u64 = 8;
const KEYS: u64 = 50;
const CLEARED: usize = 40;
/// Generations of one round; the parent and the child agree on where a round begins by it.
const PER_ROUND: u64 = 1_000_000;

fn rounds() -> u64 {
    if long() { 200 } else { 20 }
}

fn long() -> bool {
    std::env::var_os("ASTRID_LONG_TESTS").is_some()
}

// kv cases 26, 39
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_sigkill_every_acknowledged_write_is_there_whole_and_usage_is_exact() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut ledger = Ledger::default();
    let mut slowest = Duration::ZERO;
    for round in 1..=rounds() {
        let wait = Duration::from_millis(1 + mix(round ^ u64::from(std::process::id())) % 300);
        ledger.note(&work_and_kill(directory.path(), "a_child_works_until_it_is_killed", round, wait));
        let started = Instant::now();
        let store = RedbStore::open(directory.path(), &Options::default()).unwrap();
        slowest = slowest.max(started.elapsed());
        ledger.check(&store, round).await;
        let report = store.verify(false).await.unwrap();
        assert!(report.is_clean(), "round {round}: {report:?}");
        store.close().await;
    }
    let acked: u64 = ledger.keys.values().map(|(acked, _)| *acked).sum();
    assert!(acked > 0, "no round acknowledged anything, so nothing was tested");
    println!("slowest reopening of {} rounds: {slowest:?}", rounds());
    // The chapter's bound where the machine does nothing else.
    let bound = Duration::from_secs(if long() { 2 } else { 20 });
    assert!(slowest < bound, "{slowest:?}");
}

// kv case 49
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_killed_in_the_middle_reads_empty_and_old_keys_never_come_back() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = RedbStore::open(directory.path(), &Options::default()).unwrap();
    let mut waiting = Vec::new();
    for n in 0..if long() { 100_000 } else { 10_000 } {
        let set = Mutation::Set { key: key(&format!("k{n}")), value: Value::from(*b"old") };
        waiting.push(store.apply(&scope("gone"), set, terms()).await.unwrap());
    }
    for receipt in waiting {
        receipt.await.unwrap();
    }
    apply(&store, "peer", Mutation::Set { key: key("k"), value: Value::from(*b"peer") }).await;
    store.close().await;
    drop(store);

    let lines = work_and_kill(directory.path(), "a_child_drops_a_namespace", 1, Duration::from_secs(30));
    assert_eq!(lines, ["dropped"]);
    for again in 0..2 {
        let store = RedbStore::open(directory.path(), &Options::default()).unwrap();
        let expected = if again == 0 { vec![] } else { vec!["new".to_owned()] };
        assert_eq!(listed(&store, "gone").await, expected);
        apply(&store, "gone", Mutation::Set { key: key("new"), value: Value::from(*b"1") }).await;
        assert_eq!(listed(&store, "gone").await, ["new"]);
        assert_eq!(store.usage(&scope("gone")).await.unwrap().keys, 1);
        assert_eq!(*store.get(&scope("peer"), &key("k")).await.unwrap().unwrap(), *b"peer");
        assert!(store.verify(false).await.unwrap().is_clean());
        store.close().await;
    }
}

// kv case 26
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_clear_killed_in_the_middle_is_all_or_nothing() {
    let many = if long() { 200_000 } else { 20_000 };
    for round in 0..6 {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let store = RedbStore::open(directory.path(), &Options::default()).unwrap();
        let mut waiting = Vec::new();
        for n in 0..many {
            let set = Mutation::Set { key: key(&format!("k{n}")), value: Value::from(*b"old") };
            waiting.push(store.apply(&scope("clears"), set, terms()).await.unwrap());
        }
        for receipt in waiting {
            receipt.await.unwrap();
        }
        store.close().await;
        drop(store);
        let lines = work_and_kill(
            directory.path(),
            "a_child_clears_much",
            round,
            Duration::from_millis((20 + 60 * round) * if long() { 8 } else { 1 }),
        );
        let store = RedbStore::open(directory.path(), &Options::default()).unwrap();
        let keys = store.usage(&scope("clears")).await.unwrap().keys;
        assert!(keys == 0 || (keys == many && !lines.contains(&"cleared".to_owned())), "{keys} {lines:?}");
        assert!(store.verify(false).await.unwrap().is_clean());
        store.close().await;
    }
}

/// What the child said so far: per key the last generation acknowledged, and those tried since.
#[derive(Default)]
struct Ledger {
    keys: BTreeMap<u64, (u64, Vec<u64>)>,
    /// Keys of the namespace that is cleared again and again: least and most that may be there.
    cleared: (usize, usize),
    clearing: bool,
}

impl Ledger {
    fn note(&mut self, lines: &[String]) {
        for line in lines {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["try", "clear"] => self.clearing = true,
                ["ack", "clear"] => (self.clearing, self.cleared) = (false, (0, 0)),
                ["try", "fill", n] => self.cleared.1 = n.parse::<usize>().unwrap() + 1,
                ["ack", "fill", n] => self.cleared.0 = n.parse::<usize>().unwrap() + 1,
                [word, key, generation] => {
                    let generation = generation.parse().unwrap();
                    let known = self.keys.entry(key.parse().unwrap()).or_default();
                    if word == "ack" {
                        *known = (generation, Vec::new());
                    } else {
                        known.1.push(generation);
                    }
                }
                _ => panic!("the child said {line:?}"),
            }
        }
    }

    async fn check(&mut self, store: &RedbStore, round: u64) {
        for (number, (acked, tried)) in &self.keys {
            let stored = store.get(&scope("work"), &key(&format!("k{number}"))).await.unwrap();
            let possible: Vec<u64> = tried.iter().copied().chain([*acked]).collect();
            match stored {
                Some(value) => {
                    let generation = generation_of(*number, &value);
                    assert!(
                        possible.contains(&generation),
                        "round {round} key {number}: {generation} {possible:?}"
                    );
                    assert!(!deletes(generation), "round {round} key {number}: a deleted generation");
                }
                None => {
                    let gone = possible.iter().any(|generation| *generation == 0 || deletes(*generation));
                    assert!(gone, "round {round} key {number}: lost, {possible:?}");
                }
            }
        }
        let present = listed(store, "clears").await.len();
        let (least, most) = self.cleared;
        let whole = (least..=most).contains(&present) || (self.clearing && present == 0);
        assert!(whole, "round {round}: {present} keys, {:?}, clearing {}", self.cleared, self.clearing);
        // Later rounds start from what is there now.
        (self.clearing, self.cleared) = (false, (present, present));
    }
}

fn work_and_kill(directory: &Path, child: &str, round: u64, wait: Duration) -> Vec<String> {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([child, "--exact", "--ignored", "--nocapture", "--quiet"])
        .env(DIRECTORY, directory)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    // The clock starts when the child has opened the store, so that every round reaches its writes.
    let ready = output.by_ref().any(|line| line == "@ready");
    assert!(ready, "the child did not start");
    let reader = std::thread::spawn(move || {
        let mut lines = Vec::new();
        for line in output {
            let Some(line) = line.strip_prefix('@') else { continue };
            if line == "end" {
                break;
            }
            lines.push(line.to_owned());
        }
        lines
    });
    let until = Instant::now() + wait;
    while Instant::now() < until && !reader.is_finished() {
        std::thread::sleep(Duration::from_millis(1));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    reader.join().unwrap()
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{line}").unwrap();
    out.flush().unwrap();
}

fn child_store() -> Option<(Arc<RedbStore>, u64)> {
    let directory = std::env::var_os(DIRECTORY)?;
    let round = std::env::var(ROUND).unwrap().parse().unwrap();
    let store = RedbStore::open(directory, &Options::default()).unwrap();
    println!();
    say("ready");
    Some((Arc::new(store), round))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child's side of the crash test"]
async fn a_child_works_until_it_is_killed() {
    let Some((store, round)) = child_store() else { return };
    for task in 0..TASKS {
        let store = store.clone();
        tokio::spawn(async move {
            for step in 1.. {
                let mine = KEYS / TASKS + u64::from(task < KEYS % TASKS);
                let number = task + TASKS * (mix(step * 31 + task) % mine);
                let generation = round * PER_ROUND + step;
                let key = key(&format!("k{number}"));
                say(&format!("try {number} {generation}"));
                let mutation = if deletes(generation) {
                    Mutation::Delete { key }
                } else {
                    Mutation::Set { key, value: value_of(number, generation) }
                };
                apply(&store, "work", mutation).await;
                say(&format!("ack {number} {generation}"));
            }
        });
    }
    say("try clear");
    apply(&store, "clears", Mutation::Clear { prefix: Prefix::parse("").unwrap() }).await;
    say("ack clear");
    loop {
        for n in 0..CLEARED {
            say(&format!("try fill {n}"));
            let value = vec![1; if n % 8 == 0 { 40_000 } else { 8 }].into();
            apply(&store, "clears", Mutation::Set { key: key(&format!("c{n:02}")), value }).await;
            say(&format!("ack fill {n}"));
        }
        say("try clear");
        apply(&store, "clears", Mutation::Clear { prefix: Prefix::parse("").unwrap() }).await;
        say("ack clear");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child's side of the drop test"]
async fn a_child_drops_a_namespace() {
    let Some((store, _)) = child_store() else { return };
    store.drop_namespace(&scope("gone")).await.unwrap();
    say("dropped");
    say("end");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child's side of the clear test"]
async fn a_child_clears_much() {
    let Some((store, _)) = child_store() else { return };
    apply(&store, "clears", Mutation::Clear { prefix: Prefix::parse("k").unwrap() }).await;
    say("cleared");
    std::future::pending::<()>().await;
}

/// Every tenth generation deletes its key.
fn deletes(generation: u64) -> bool {
    generation % 10 == 9
}

/// Key, generation, their checksum, then bytes made from both: 32 bytes to a mebibyte, mostly small.
fn value_of(number: u64, generation: u64) -> Value {
    let dice = mix(number ^ generation.rotate_left(20));
    let most = [100, 5_000, 40_000, 1_048_544][usize::try_from(dice % 4).unwrap()];
    let body = vec![u8::try_from(dice % 251).unwrap(); usize::try_from((dice >> 8) % most).unwrap()];
    let mut value = [number.to_le_bytes(), generation.to_le_bytes()].concat();
    value.extend(body);
    let sum =
        value.iter().fold(0x811c_9dc5_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0193));
    value.extend(sum.to_le_bytes());
    value.into()
}

fn generation_of(number: u64, value: &[u8]) -> u64 {
    let generation = u64::from_le_bytes(value[8..16].try_into().unwrap());
    assert!(*value == *value_of(number, generation), "torn value of key {number}");
    generation
}

fn mix(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn scope(capsule: &str) -> Scope {
    Scope { principal: Some(Principal::parse("alice").unwrap()), capsule: CapsuleId::parse(capsule).unwrap() }
}

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn terms() -> Terms {
    Terms::commit(Limits { bytes: 1 << 40, keys: 1 << 40 })
}

async fn apply(store: &RedbStore, capsule: &str, mutation: Mutation) -> Applied {
    let receipt = store.apply(&scope(capsule), mutation, terms()).await.unwrap();
    receipt.await.unwrap()
}

async fn listed(store: &RedbStore, capsule: &str) -> Vec<String> {
    let prefix = Prefix::parse("").unwrap();
    store.page(&scope(capsule), &prefix, None, 1024).await.unwrap().keys
}
