//! Listings: 5,000 keys in pages of 100, beside a raw scan, and the cost of a page by its depth.
#![expect(clippy::unwrap_used, reason = "a bench that cannot run must fail")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_host_context::{CapsuleId, Principal, Scope};
use astrid_host_kv::{Cursor, Key, Limits, Memory, Mutation, Page, Prefix, Store, Terms, Value};
use astrid_store_redb::{Options, RedbStore};
use redb::{ReadableDatabase, ReadableTable};

const DEEP: usize = 250_000;
const ROWS: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("rows");

fn scope(capsule: &str) -> Scope {
    Scope { principal: Some(Principal::parse("alice").unwrap()), capsule: CapsuleId::parse(capsule).unwrap() }
}

async fn fill(store: &Arc<dyn Store>, capsule: &str, count: usize) {
    let terms = Terms::commit(Limits { bytes: 1 << 40, keys: 1 << 40 });
    let mut waiting = Vec::new();
    for n in 0..count {
        let mutation =
            Mutation::Set { key: Key::parse(format!("k{n:06}")).unwrap(), value: Value::from(*b"v") };
        waiting.push(store.apply(&scope(capsule), mutation, terms).await.unwrap());
    }
    for receipt in waiting {
        receipt.await.unwrap();
    }
}

async fn page(store: &Arc<dyn Store>, capsule: &str, after: Option<&str>, limit: usize) -> Page {
    let after = after.map(|after| Cursor::parse(after).unwrap());
    store.page(&scope(capsule), &Prefix::parse("k").unwrap(), after.as_ref(), limit).await.unwrap()
}

async fn timed(store: &Arc<dyn Store>, after: Option<&str>, limit: usize) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let started = Instant::now();
        black_box(page(store, "deep", after, limit).await);
        best = best.min(started.elapsed());
    }
    best
}

async fn measure(name: &str, store: &Arc<dyn Store>) {
    fill(store, "five", 5000).await;
    fill(store, "deep", DEEP).await;
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let (started, mut cursor, mut seen) = (Instant::now(), None::<String>, 0);
        loop {
            let Page { keys, more } = page(store, "five", cursor.as_deref(), 100).await;
            seen += keys.len();
            cursor = keys.last().cloned();
            if !more {
                break;
            }
        }
        assert_eq!(seen, 5000);
        best = best.min(started.elapsed());
    }
    let last = format!("k{:06}", DEEP - 101);
    let (first, late) = (timed(store, None, 100).await, timed(store, Some(&last), 100).await);
    let full = timed(store, None, 1024).await;
    println!(
        "{name:<8} 5,000 keys by 100: {best:>9.1?}; page 1: {first:>9.1?}, page 2,500: {late:>9.1?} ({:.2}x); page of 1,024: {full:.1?}",
        late.as_secs_f64() / first.as_secs_f64()
    );
}

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let raw = redb::Database::create(directory.path().join("raw")).unwrap();
    let transaction = raw.begin_write().unwrap();
    {
        let mut rows = transaction.open_table(ROWS).unwrap();
        for n in 0..5000 {
            rows.insert(&*format!("k{n:06}"), &b"v"[..]).unwrap();
        }
    }
    transaction.commit().unwrap();
    let mut floor = Duration::MAX;
    for _ in 0..10 {
        let started = Instant::now();
        let rows = raw.begin_read().unwrap().open_table(ROWS).unwrap();
        let keys: Vec<String> = rows.iter().unwrap().map(|row| row.unwrap().0.value().to_owned()).collect();
        assert_eq!(black_box(keys).len(), 5000);
        floor = floor.min(started.elapsed());
    }
    println!("raw redb scan of 5,000 keys in one go: {floor:.1?}");
    measure("Memory", &(Arc::new(Memory::new()) as Arc<dyn Store>)).await;
    let started = Instant::now();
    let redb = Arc::new(RedbStore::open(directory.path().join("store"), &Options::default()).unwrap());
    measure("redb", &(redb.clone() as Arc<dyn Store>)).await;
    println!("filling and measuring took {:.1?}", started.elapsed());
    redb.close().await;
    drop(redb);
    let started = Instant::now();
    let redb = RedbStore::open(directory.path().join("store"), &Options::default()).unwrap();
    println!("reopening 255,000 keys: {:.1?}", started.elapsed());
    redb.close().await;
}
