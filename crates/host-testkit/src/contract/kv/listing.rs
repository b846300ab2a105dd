//! Listings, pages and clears.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_host_kv::{Applied, Store};

use super::{DONE, Space};

// kv case 16
/// `a.b` is between `a` and `ab`.
pub async fn listing_is_by_bytes_and_ignores_segments(store: Arc<dyn Store>) {
    let space = Space::new(store);
    for key in ["b", "ab", "a", "a.b"] {
        space.set(key, "").await;
    }
    assert_eq!(space.list("a").await, ["a", "a.b", "ab"]);
    assert_eq!(space.list("").await, ["a", "a.b", "ab", "b"]);
    assert_eq!(space.list("z").await, [""; 0]);
}

// kv case 17
/// 1,024 matches are a whole listing and 1,025 are not; keys outside the prefix do not count.
pub async fn a_page_says_more_only_when_a_matching_key_follows(store: Arc<dyn Store>) {
    let space = Space::new(store);
    space.fill((0..5000).map(|n| format!("other.{n}"))).await;
    space.fill((0..500).map(|n| format!("q.{n}"))).await;
    space.fill((0..1024).map(|n| format!("p.{n:04}"))).await;
    let page = space.page("p.", None, 1024).await;
    assert_eq!((page.keys.len(), page.more), (1024, false));
    space.delete("p.0000").await;
    assert_eq!(space.page("p.", None, 1024).await.keys.len(), 1023);
    space.fill(["p.a", "p.b"].map(str::to_owned).into_iter()).await;
    let page = space.page("p.", None, 1024).await;
    assert_eq!((page.keys.len(), page.more), (1024, true));
}

// kv cases 18, 19, 20
/// 10 keys by 3 are 3, 3, 3, 1; 6 by 3 are 3, 3; one key a page is as many pages as keys.
pub async fn pages_of_a_few_keys_end_exactly(store: Arc<dyn Store>) {
    for (capsule, count, limit, sizes) in
        [("a", 10, 3, &[3, 3, 3, 1][..]), ("b", 6, 3, &[3, 3]), ("c", 1500, 1024, &[1024, 476])]
    {
        let space = Space::of(store.clone(), "alice", capsule);
        space.fill((0..count).map(|n| format!("k{n:04}"))).await;
        assert_eq!(walk(&space, limit).await, sizes, "{capsule}");
    }
    let space = Space::of(store, "alice", "c");
    assert_eq!(walk(&space, 1).await, vec![1; 1500]);
}

async fn walk(space: &Space, limit: usize) -> Vec<usize> {
    let (mut sizes, mut seen) = (Vec::new(), Vec::<String>::new());
    loop {
        let page = space.page("k", seen.last().map(String::as_str), limit).await;
        sizes.push(page.keys.len());
        seen.extend(page.keys);
        if !page.more {
            assert!(seen.is_sorted_by(|a, b| a < b));
            return sizes;
        }
    }
}

// kv case 21
/// A cursor is a place, not a key.
pub async fn a_cursor_may_be_deleted_or_lie_outside_the_range(store: Arc<dyn Store>) {
    let space = Space::new(store);
    space.fill((0..6).map(|n| format!("k{n}"))).await;
    assert_eq!(space.page("k", None, 3).await.keys, ["k0", "k1", "k2"]);
    space.delete("k2").await;
    let page = space.page("k", Some("k2"), 3).await;
    assert_eq!((&page.keys[..], page.more), (&["k3", "k4", "k5"].map(str::to_owned)[..], false));
    let beyond = space.page("k", Some("zzz"), 3).await;
    assert_eq!((beyond.keys.len(), beyond.more), (0, false));
    assert_eq!(space.page("k", Some("A"), 1).await.keys, ["k0"]);
    space.set("k3x", "").await;
    assert_eq!(space.page("k", Some("k3"), 1).await.keys, ["k3x"]);
}

// kv case 24
/// No upper bound can be made by counting that character up.
pub async fn the_highest_character_as_prefix_lists_its_own_keys_only(store: Arc<dyn Store>) {
    let space = Space::new(store.clone());
    let top = "\u{10ffff}";
    for key in [format!("a{top}"), format!("a{top}x"), top.to_owned(), "a".to_owned(), "b".to_owned()] {
        space.set(&key, "").await;
    }
    Space::of(store, "alice2", "notes").set(top, "").await;
    assert_eq!(space.list(&format!("a{top}")).await, [format!("a{top}"), format!("a{top}x")]);
    assert_eq!(space.list(top).await, [top]);
}

// kv case 25
/// A clear says how many, and a second one finds none.
pub async fn clear_removes_the_prefix_and_counts(store: Arc<dyn Store>) {
    let space = Space::new(store);
    for key in ["s.1", "s.2", "sx"] {
        space.set(key, vec![0; 20_000]).await;
    }
    assert_eq!(space.clear("s.").await, Applied::Done(2));
    assert_eq!(space.list("").await, ["sx"]);
    assert_eq!(space.usage().await.bytes, 20_002);
    assert_eq!(space.clear("s.").await, Applied::Done(0));
    assert_eq!(space.clear("").await, DONE);
    assert_eq!(space.usage().await, Default::default());
}

// kv case 23
/// The sequence of pages is no snapshot, and still misses and repeats nothing that stays.
pub async fn stable_keys_come_exactly_once_while_others_come_and_go(store: Arc<dyn Store>) {
    const STABLE: usize = 10_000;
    let space = Space::new(store);
    space.fill((0..STABLE).map(|n| format!("k{n:05}"))).await;
    let busy = space.clone();
    let other = tokio::spawn(async move {
        busy.fill((0..STABLE).map(|n| format!("k{n:05}x"))).await;
        for n in (0..STABLE).step_by(10) {
            busy.clear(&format!("k{:04}0x", n / 10)).await;
        }
    });
    let (mut seen, mut cursor) = (HashMap::<String, usize>::new(), None::<String>);
    loop {
        let page = space.page("k", cursor.as_deref(), 100).await;
        cursor = page.keys.last().cloned();
        for key in page.keys {
            *seen.entry(key).or_default() += 1;
        }
        if !page.more {
            break;
        }
    }
    assert!(other.await.is_ok());
    assert!(seen.values().all(|times| *times == 1));
    assert_eq!(seen.keys().filter(|key| !key.ends_with('x')).count(), STABLE);
}

// kv case 51
/// The median of late pages against the median of first ones: no list-and-slice.
pub async fn a_late_page_costs_what_the_first_does(store: Arc<dyn Store>) {
    const KEYS: usize = 50_000;
    let space = Space::new(store);
    space.fill((0..KEYS).map(|n| format!("k{n:06}"))).await;
    let late = format!("k{:06}", KEYS - 101);
    let (mut firsts, mut lates) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        firsts.push(timed(&space, None).await);
        lates.push(timed(&space, Some(&late)).await);
    }
    let [first, late] = [firsts, lates].map(|mut times| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    });
    assert!(late <= first * 2 + Duration::from_micros(100), "first {first:?}, late {late:?}");
}

async fn timed(space: &Space, after: Option<&str>) -> Duration {
    let started = Instant::now();
    let page = space.page("k", after, 100).await;
    assert_eq!(page.keys.len(), 100);
    started.elapsed()
}
