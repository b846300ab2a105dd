//! What concurrent callers may see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use astrid_host_kv::{Applied, Store};
use tokio::task::JoinSet;

use super::{DONE, Space};

// kv case 13
/// No increment is lost and none counts twice.
pub async fn ten_thousand_increments_by_cas_are_ten_thousand(store: Arc<dyn Store>) {
    const TOTAL: u64 = 10_000;
    let space = Space::new(store);
    space.set("n", "0").await;
    let (claimed, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tasks = JoinSet::new();
    for _ in 0..32 {
        let (space, claimed, done) = (space.clone(), claimed.clone(), done.clone());
        tasks.spawn(async move {
            while claimed.fetch_add(1, Ordering::Relaxed) < TOTAL {
                loop {
                    let old = space.get("n").await.unwrap_or_default();
                    let number: u64 = String::from_utf8_lossy(&old).parse().unwrap_or(u64::MAX - 1);
                    match space.cas("n", Some(&old), (number + 1).to_string()).await {
                        Applied::Done(_) => break,
                        outcome => assert_eq!(outcome, Applied::Mismatch),
                    }
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        assert!(ended.is_ok(), "{ended:?}");
    }
    assert_eq!(done.load(Ordering::Relaxed), TOTAL);
    assert_eq!(space.get("n").await.as_deref(), Some(TOTAL.to_string().as_bytes()));
}

// kv case 14
/// Create-if-absent is a lock.
pub async fn of_many_creators_one_wins(store: Arc<dyn Store>) {
    let space = Space::new(store);
    let mut tasks = JoinSet::new();
    for id in 0..32 {
        let space = space.clone();
        tasks.spawn(async move { (id, space.cas("lock", None, id.to_string()).await) });
    }
    let outcomes = tasks.join_all().await;
    let winners: Vec<_> =
        outcomes.iter().filter(|(_, outcome)| *outcome == DONE).map(|(id, _)| id.to_string()).collect();
    assert_eq!(outcomes.iter().filter(|(_, outcome)| *outcome == Applied::Mismatch).count(), 31);
    assert_eq!(winners.len(), 1);
    assert_eq!(space.get("lock").await.as_deref(), winners.first().map(String::as_bytes));
}

// kv case 15
/// Half a mebibyte of A or of B, never both, never nothing.
pub async fn a_reader_never_sees_a_mixed_value(store: Arc<dyn Store>) {
    let space = Space::new(store);
    let [a, b] = [b'A', b'B'].map(|letter| vec![letter; 512 << 10]);
    space.set("k", &a).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..16 {
        let (space, over) = (space.clone(), over.clone());
        readers.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let value = space.get("k").await.unwrap_or_default();
                let first = value.first().copied().unwrap_or(b'?');
                assert!(value.len() == 512 << 10 && value.iter().all(|byte| *byte == first));
                tokio::task::yield_now().await;
            }
        });
    }
    for round in 0..40 {
        space.set("k", if round % 2 == 0 { &b } else { &a }).await;
    }
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = readers.join_next().await {
        assert!(ended.is_ok(), "{ended:?}");
    }
}

// kv case 26
/// Readers find all keys or none.
pub async fn a_clear_is_one_step_for_readers(store: Arc<dyn Store>) {
    const KEYS: usize = 20_000;
    let space = Space::new(store);
    space.fill((0..KEYS).map(|n| format!("k{n:06}"))).await;
    let full = space.usage().await;
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (space, over) = (space.clone(), over.clone());
        readers.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let page = space.page("", None, 1024).await;
                assert!([0, 1024].contains(&page.keys.len()), "{}", page.keys.len());
                let usage = space.usage().await;
                assert!(usage == full || usage == Default::default(), "{usage:?}");
            }
        });
    }
    let count = u64::try_from(KEYS).unwrap_or(0);
    assert_eq!(space.clear("k").await, Applied::Done(count));
    assert_eq!(space.list("").await, [""; 0]);
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = readers.join_next().await {
        assert!(ended.is_ok(), "{ended:?}");
    }
}

// kv case 49
/// Gone at once, idempotent, and nobody else's.
pub async fn a_dropped_namespace_reads_empty_and_starts_again(store: Arc<dyn Store>) {
    let (gone, peer) = (Space::new(store.clone()), Space::of(store, "alice2", "notes"));
    peer.set("k", "peer").await;
    gone.fill((0..3000).map(|n| format!("k{n}"))).await;
    gone.set("large", vec![7; 200_000]).await;
    for _ in 0..2 {
        assert!(gone.store.drop_namespace(&gone.scope).await.is_ok());
        assert_eq!(gone.list("").await, [""; 0]);
        assert_eq!(gone.get("large").await, None);
        assert_eq!(gone.usage().await, Default::default());
    }
    assert_eq!(gone.set("k", "new").await, DONE);
    assert_eq!(gone.list("").await, ["k"]);
    assert_eq!(gone.usage().await.bytes, 4);
    assert_eq!(peer.get("k").await.as_deref(), Some(&b"peer"[..]));
}
