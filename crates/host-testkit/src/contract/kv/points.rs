//! Single keys.

use std::sync::Arc;

use astrid_host_kv::{Applied, Store};

use super::{DONE, Space};

// kv case 1
/// `kv-get` on an empty store.
pub async fn an_absent_key_reads_as_none(store: Arc<dyn Store>) {
    let space = Space::new(store);
    assert_eq!(space.get("a").await, None);
    assert_eq!(space.usage().await.keys, 0);
}

// kv case 2
/// An empty value is some(empty).
pub async fn a_stored_empty_value_is_not_none(store: Arc<dyn Store>) {
    let space = Space::new(store);
    assert_eq!(space.set("a", "").await, DONE);
    assert_eq!(space.get("a").await.as_deref(), Some(&[][..]));
}

// kv case 3
/// Set, set, get, delete, get, delete.
pub async fn a_later_set_replaces_and_delete_twice_is_ok(store: Arc<dyn Store>) {
    let space = Space::new(store);
    space.set("a", "1").await;
    space.set("a", "2").await;
    assert_eq!(space.get("a").await.as_deref(), Some(&b"2"[..]));
    assert_eq!(space.delete("a").await, DONE);
    assert_eq!(space.get("a").await, None);
    assert_eq!(space.delete("a").await, Applied::Done(0));
    assert_eq!(space.usage().await, Default::default());
}

// kv case 8
/// Sizes around every power that a backend may cut values at.
pub async fn values_up_to_one_mebibyte_come_back_equal(store: Arc<dyn Store>) {
    let space = Space::new(store);
    for size in [0, 1, 4095, 4096, 4097, 16_384, 16_385, 65_536, 1_048_575, 1_048_576] {
        let value: Vec<u8> = (0..size).map(|n: usize| n.to_le_bytes().iter().fold(7, |a, b| a ^ b)).collect();
        assert_eq!(space.set("a", &value).await, DONE, "{size}");
        assert_eq!(space.get("a").await.as_deref(), Some(&*value), "{size}");
        assert_eq!(space.usage().await.bytes, 1 + u64::try_from(size).unwrap_or(u64::MAX));
    }
}

// kv case 8
/// Large, small, large again, gone: values and usage are those of the latest alone.
pub async fn a_value_that_shrinks_and_grows_leaves_nothing_behind(store: Arc<dyn Store>) {
    let space = Space::new(store);
    for (size, fill) in [(900_000, 1_u8), (10, 2), (700_000, 3), (700_000, 4)] {
        space.set("k", vec![fill; size]).await;
        assert_eq!(space.get("k").await.as_deref(), Some(&*vec![fill; size]));
    }
    space.delete("k").await;
    assert_eq!(space.get("k").await, None);
    assert_eq!(space.usage().await, Default::default());
}

// kv case 10
/// `expected` none creates, once.
pub async fn create_by_cas_succeeds_once(store: Arc<dyn Store>) {
    let space = Space::new(store);
    assert_eq!(space.cas("k", None, "1").await, DONE);
    assert_eq!(space.cas("k", None, "2").await, Applied::Mismatch);
    assert_eq!(space.get("k").await.as_deref(), Some(&b"1"[..]));
}

// kv case 11
/// Absence and an empty value are two states.
pub async fn expected_empty_and_expected_absent_are_different(store: Arc<dyn Store>) {
    let space = Space::new(store);
    assert_eq!(space.cas("k", Some(b""), "x").await, Applied::Mismatch);
    space.set("k", "").await;
    assert_eq!(space.cas("k", None, "x").await, Applied::Mismatch);
    assert_eq!(space.cas("k", Some(b""), "x").await, DONE);
    assert_eq!(space.get("k").await.as_deref(), Some(&b"x"[..]));
}

// kv case 12
/// The same value again is no mismatch; one too long to be stored is.
pub async fn cas_to_the_same_value_is_a_success(store: Arc<dyn Store>) {
    let space = Space::new(store);
    space.set("k", "1").await;
    assert_eq!(space.cas("k", Some(b"1"), "1").await, DONE);
    assert_eq!(space.cas("k", Some(&vec![0; 2 << 20]), "2").await, Applied::Mismatch);
    assert_eq!(space.get("k").await.as_deref(), Some(&b"1"[..]));
}

// kv case 50
/// Every row of the table, the quota rows included.
pub async fn the_cas_truth_table_holds_and_no_failed_row_changes_usage(store: Arc<dyn Store>) {
    type Row<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, u64, Applied);
    let rows: [Row<'_>; 11] = [
        (None, None, 100, DONE),
        (None, None, 3, Applied::OverQuota),
        (None, Some(b""), 100, Applied::Mismatch),
        (None, Some(b"V"), 100, Applied::Mismatch),
        (Some(b"V"), None, 100, Applied::Mismatch),
        (Some(b""), None, 100, Applied::Mismatch),
        (Some(b"V"), Some(b"V"), 100, DONE),
        (Some(b"V"), Some(b"V"), 3, Applied::OverQuota),
        (Some(b"V"), Some(b"W"), 100, Applied::Mismatch),
        (Some(b"V"), Some(b"VV"), 3, Applied::Mismatch),
        (Some(b"V"), Some(b""), 3, Applied::Mismatch),
    ];
    for (number, (state, expected, bytes, outcome)) in rows.into_iter().enumerate() {
        let space = Space::of(store.clone(), "alice", &format!("row{number}"));
        if let Some(state) = state {
            space.set("k", state).await;
        }
        let before = space.usage().await;
        assert_eq!(space.limited(bytes, 9).cas("k", expected, "new").await, outcome, "row {number}");
        let after = if outcome == DONE { Some(&b"new"[..]) } else { state };
        assert_eq!(space.get("k").await.as_deref(), after, "row {number}");
        if outcome != DONE {
            assert_eq!(space.usage().await, before, "row {number}");
        }
    }
}

// kv cases 31, 32
/// Principals and capsules whose names begin alike.
pub async fn namespaces_never_cross(store: Arc<dyn Store>) {
    let spaces = [("alice", "a"), ("al", "a"), ("alice2", "a"), ("alice", "a2"), ("alice", "capsule")]
        .map(|(principal, capsule)| Space::of(store.clone(), principal, capsule));
    for (number, space) in spaces.iter().enumerate() {
        space.set("k", number.to_string()).await;
        space.set("__secret:token", "guest").await;
    }
    let [first, rest @ ..] = &spaces;
    assert_eq!(first.clear("").await, Applied::Done(2));
    assert_eq!(first.list("").await, [""; 0]);
    for (number, space) in rest.iter().enumerate() {
        assert_eq!(space.get("k").await.as_deref(), Some((number + 1).to_string().as_bytes()));
        assert_eq!(space.list("").await, ["__secret:token", "k"]);
        assert_eq!(space.page("", Some("k"), 10).await.keys, [""; 0]);
    }
}
