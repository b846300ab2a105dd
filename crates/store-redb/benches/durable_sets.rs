//! Durable sets beside the floors: raw redb at the same durability, and a bare write with fdatasync.
#![expect(clippy::unwrap_used, reason = "a bench that cannot run must fail")]

use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_host_context::{CapsuleId, Principal, Scope};
use astrid_host_kv::{Key, Limits, Mutation, Store, Terms, Value};
use astrid_store_redb::{Options, RedbStore};

const CALLS: usize = 300;
const ROWS: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("rows");

fn scope(capsule: &str) -> Scope {
    Scope { principal: Some(Principal::parse("alice").unwrap()), capsule: CapsuleId::parse(capsule).unwrap() }
}

async fn set(store: &RedbStore, capsule: &str, key: String, size: usize) {
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
    let raw = redb::Database::create(directory.path().join("raw")).unwrap();
    let quick = redb::Database::create(directory.path().join("quick")).unwrap();
    let raw_set = |raw: &redb::Database, quick_repair: bool, n: usize| {
        let mut transaction = raw.begin_write().unwrap();
        transaction.set_quick_repair(quick_repair);
        transaction.open_table(ROWS).unwrap().insert(&*format!("k{n}"), &[7; 100][..]).unwrap();
        transaction.commit().unwrap();
    };
    let file = std::fs::File::create(directory.path().join("bare")).unwrap();
    file.set_len(1 << 20).unwrap();
    let store = Arc::new(RedbStore::open(directory.path().join("store"), &Options::default()).unwrap());

    // Turn about, so that whatever else uses the disk slows both.
    let (mut bare, mut floor, mut quickly, mut ours) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for n in 0..CALLS {
        let started = Instant::now();
        file.write_all_at(&[7; 4096], (n as u64 % 200) * 4096).unwrap();
        file.sync_data().unwrap();
        bare.push(started.elapsed());
        let started = Instant::now();
        raw_set(&raw, false, n);
        floor.push(started.elapsed());
        let started = Instant::now();
        raw_set(&quick, true, n);
        quickly.push(started.elapsed());
        let started = Instant::now();
        set(&store, "one", format!("k{n}"), 100).await;
        ours.push(started.elapsed());
    }
    let [bare, floor, quickly, ours] = [bare, floor, quickly, ours].map(median);
    let times = |time: Duration| time.as_secs_f64() / floor.as_secs_f64();
    println!("set 100 B, one writer, median of {CALLS}");
    println!("  write of 4 KiB + fdatasync           {bare:>10.1?}  {:.2}x", times(bare));
    println!("  raw redb, walk after a crash         {floor:>10.1?}  1.00x");
    println!("  raw redb, quick repair               {quickly:>10.1?}  {:.2}x", times(quickly));
    println!("  RedbStore                            {ours:>10.1?}  {:.2}x", times(ours));

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

    set(&store, "one", "kib".to_owned(), 1024).await;
    let hops = Options { row_cache_bytes: 0, ..Options::default() };
    let hops = RedbStore::open(directory.path().join("hops"), &hops).unwrap();
    set(&hops, "one", "kib".to_owned(), 1024).await;
    for (what, store) in [("row cache", &*store), ("another thread", &hops)] {
        let (of, key, mut gets) = (scope("one"), Key::parse("kib").unwrap(), Vec::new());
        for _ in 0..20_000 {
            let started = Instant::now();
            store.get(&of, &key).await.unwrap().unwrap();
            gets.push(started.elapsed());
        }
        println!("get 1 KiB, {what}: median {:?}, p99 {:?}", median(gets.clone()), p99(gets));
    }
    hops.close().await;
    store.close().await;
}
