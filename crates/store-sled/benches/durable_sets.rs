//! Durable sets beside the floor: raw sled at the same durability (insert, flush, fdatasync).
#![expect(clippy::unwrap_used, reason = "a bench that cannot run must fail")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_host_context::{CapsuleId, Principal, Scope};
use astrid_host_kv::{Key, Limits, Mutation, Store, Terms, Value};
use astrid_store_sled::{Options, SledStore};

const CALLS: usize = 300;

fn scope(capsule: &str) -> Scope {
    Scope { principal: Some(Principal::parse("alice").unwrap()), capsule: CapsuleId::parse(capsule).unwrap() }
}

async fn set(store: &SledStore, capsule: &str, key: String, size: usize) {
    let mutation = Mutation::Set { key: Key::parse(key).unwrap(), value: Value::from(vec![7; size]) };
    let terms = Terms::commit(Limits { bytes: 1 << 40, keys: 1 << 40 });
    store.apply(&scope(capsule), mutation, terms).await.unwrap().await.unwrap();
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let raw_path = directory.path().join("raw");
    let raw =
        sled::Config::new().path(&raw_path).segment_size(2 << 20).flush_every_ms(Some(200)).open().unwrap();
    let log = std::fs::File::open(raw_path.join("db")).unwrap();
    let store = Arc::new(SledStore::open(directory.path().join("store"), &Options::default()).unwrap());

    // Turn about, so that whatever else uses the disk slows both.
    let (mut floor, mut unsynced, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..CALLS {
        let started = Instant::now();
        raw.insert(format!("k{n}"), vec![7; 100]).unwrap();
        raw.flush().unwrap();
        unsynced.push(started.elapsed());
        log.sync_data().unwrap();
        floor.push(started.elapsed());
        let started = Instant::now();
        set(&store, "one", format!("k{n}"), 100).await;
        ours.push(started.elapsed());
    }
    let (floor, ours, unsynced) = (median(floor), median(ours), median(unsynced));
    let ratio = ours.as_secs_f64() / floor.as_secs_f64();
    println!("set 100 B, one writer, median of {CALLS}");
    println!("  raw sled insert + flush              {unsynced:>10.1?}  (survives SIGKILL, not power loss)");
    println!("  raw sled insert + flush + fdatasync  {floor:>10.1?}  1.00x");
    println!("  SledStore                            {ours:>10.1?}  {ratio:.2}x");

    let started = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..64 {
        let store = store.clone();
        writers.spawn(async move {
            for n in 0..CALLS {
                set(&store, &format!("w{}", writer % 8), format!("k{writer}.{n}"), 100).await;
            }
        });
    }
    writers.join_all().await;
    let rate = (64 * CALLS) as f64 / started.elapsed().as_secs_f64();
    println!("64 writers: {rate:.0} durable sets/s; {:?}", store.stats());

    let flood = {
        let store = store.clone();
        tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            for n in 0..600 {
                let store = store.clone();
                tasks.spawn(async move { set(&store, "flood", format!("k{}", n % 20), 1 << 20).await });
            }
            tasks.join_all().await;
        })
    };
    let mut calm = Vec::new();
    while !flood.is_finished() {
        let started = Instant::now();
        set(&store, "calm", "k".to_owned(), 10).await;
        calm.push(started.elapsed());
    }
    println!("set 10 B beside a flood of 1 MiB sets: median {:?}, p99 {:?}", median(calm.clone()), p99(calm));

    let mut gets = Vec::new();
    set(&store, "one", "kib".to_owned(), 1024).await;
    for _ in 0..2000 {
        let started = Instant::now();
        store.get(&scope("one"), &Key::parse("kib").unwrap()).await.unwrap().unwrap();
        gets.push(started.elapsed());
    }
    println!("get 1 KiB, cached: median {:?}, p99 {:?}", median(gets.clone()), p99(gets));
    store.close().await;
}
