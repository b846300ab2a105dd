//! What guests get from the functions, through the face, without a guest.

use std::sync::Arc;

use crate::common::{State, state};
use astrid_host_kv::v1_0::bindings::astrid::kv::host::{ErrorCode, Host};
use astrid_host_kv::{KvView, Memory, NAMESPACE_BYTES, NAMESPACE_KEYS};
use astrid_host_testkit::{FakeHost, FakeHostBuilder};

const MIB: usize = 1 << 20;

fn kv(fake: FakeHostBuilder) -> State {
    state(fake, Arc::new(Memory::new()))
}

fn fresh() -> State {
    kv(FakeHost::builder())
}

fn is_invalid<T: std::fmt::Debug>(result: Result<T, ErrorCode>) -> bool {
    matches!(result, Err(ErrorCode::InvalidKey))
}

// kv cases 4, 5, 6
#[tokio::test]
async fn a_malformed_key_is_invalid_key_in_get_set_delete_and_cas_alike() {
    let mut host = fresh();
    let mut kv = host.kv();
    let (long, wide) = ("k".repeat(257), "é".repeat(129));
    for bad in ["", &long, &wide, "\0", "\n", "\u{7f}", "\u{85}", "e\u{301}"] {
        assert!(is_invalid(kv.kv_get(bad.into()).await), "{bad:?}");
        assert!(is_invalid(kv.kv_set(bad.into(), vec![]).await), "{bad:?}");
        assert!(is_invalid(kv.kv_delete(bad.into()).await), "{bad:?}");
        assert!(is_invalid(kv.kv_cas(bad.into(), None, vec![]).await), "{bad:?}");
    }
    let (long, wide) = ("k".repeat(256), "é".repeat(128));
    for good in ["k", &long[1..], &long, &wide, "é", "a/b", "..", "a b", "🦀"] {
        kv.kv_set(good.into(), good.into()).await.unwrap();
        assert_eq!(kv.kv_get(good.into()).await.unwrap().unwrap(), good.as_bytes());
        kv.kv_cas(good.into(), Some(good.into()), vec![]).await.unwrap();
        kv.kv_delete(good.into()).await.unwrap();
    }
}

// kv case 7
#[tokio::test]
async fn a_decomposed_spelling_of_a_stored_key_is_invalid_and_not_absent() {
    let mut host = fresh();
    host.kv().kv_set("é".into(), vec![1]).await.unwrap();
    assert!(is_invalid(host.kv().kv_get("e\u{301}".into()).await));
}

// kv case 8
#[tokio::test]
async fn a_value_over_one_mebibyte_is_too_large_and_the_old_one_stays() {
    let mut host = fresh();
    let mut kv = host.kv();
    for size in [MIB - 1, MIB] {
        kv.kv_set("k".into(), vec![7; size]).await.unwrap();
        assert_eq!(kv.kv_get("k".into()).await.unwrap().unwrap(), vec![7; size]);
    }
    assert!(matches!(kv.kv_set("k".into(), vec![0; MIB + 1]).await, Err(ErrorCode::TooLarge)));
    let cas = kv.kv_cas("k".into(), Some(vec![7; MIB]), vec![0; MIB + 1]).await;
    assert!(matches!(cas, Err(ErrorCode::TooLarge)));
    assert_eq!(kv.kv_get("k".into()).await.unwrap().unwrap(), vec![7; MIB]);
}

// kv case 9
#[tokio::test]
async fn the_key_is_checked_before_the_size_and_the_size_before_the_comparison() {
    let mut host = fresh();
    let mut kv = host.kv();
    assert!(is_invalid(kv.kv_set(String::new(), vec![0; 2 * MIB]).await));
    kv.kv_set("k".into(), vec![1]).await.unwrap();
    let cas = kv.kv_cas("k".into(), Some(vec![2]), vec![0; 2 * MIB]).await;
    assert!(matches!(cas, Err(ErrorCode::TooLarge)));
}

// kv case 12
#[tokio::test]
async fn an_expected_value_that_cannot_be_stored_is_a_mismatch() {
    let mut host = fresh();
    host.kv().kv_set("k".into(), b"1".into()).await.unwrap();
    let cas = host.kv().kv_cas("k".into(), Some(vec![0; 2 * MIB]), vec![]).await;
    assert!(matches!(cas, Err(ErrorCode::CasMismatch)));
    host.kv().kv_cas("k".into(), Some(b"1".into()), b"1".into()).await.unwrap();
}

// kv case 17
#[tokio::test]
async fn a_listing_of_1024_is_whole_and_of_1025_is_too_large() {
    let mut host = fresh();
    let mut kv = host.kv();
    for n in 0..5000 {
        kv.kv_set(format!("other.{n}"), vec![]).await.unwrap();
    }
    for n in 0..1024 {
        kv.kv_set(format!("p.{n}"), vec![]).await.unwrap();
    }
    assert_eq!(kv.kv_list_keys("p.".into()).await.unwrap().len(), 1024);
    kv.kv_set("p.more".into(), vec![]).await.unwrap();
    assert!(matches!(kv.kv_list_keys("p.".into()).await, Err(ErrorCode::TooLarge)));
}

// kv cases 18, 19, 20
#[tokio::test]
async fn limit_0_and_any_above_1024_mean_1024_and_cursors_end_exactly() {
    let mut host = fresh();
    let mut kv = host.kv();
    for n in 0..1500 {
        kv.kv_set(format!("k{n:04}"), vec![]).await.unwrap();
    }
    for limit in [0, 1024, 1025, u32::MAX] {
        let first = kv.kv_list_keys_page("k".into(), None, limit).await.unwrap();
        assert_eq!((first.keys.len(), first.next_cursor.as_deref()), (1024, Some("k1023")));
        let rest = kv.kv_list_keys_page("k".into(), first.next_cursor, limit).await.unwrap();
        assert_eq!((rest.keys.len(), rest.next_cursor), (476, None));
    }
    let (mut cursor, mut sizes) = (None, Vec::new());
    loop {
        let page = kv.kv_list_keys_page("k000".into(), cursor, 3).await.unwrap();
        sizes.push(page.keys.len());
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [3, 3, 3, 1]);
    let exact = kv.kv_list_keys_page("k000".into(), Some("k0006".into()), 3).await.unwrap();
    assert_eq!((exact.keys.len(), exact.next_cursor), (3, None));
}

// kv case 22
#[tokio::test]
async fn malformed_prefixes_and_cursors_are_invalid_key() {
    let mut host = fresh();
    let mut kv = host.kv();
    for bad in ["", "\u{1}"] {
        assert!(is_invalid(kv.kv_list_keys_page(String::new(), Some(bad.into()), 1).await), "{bad:?}");
    }
    assert!(kv.kv_list_keys("p".repeat(256)).await.unwrap().is_empty());
    for bad in ["p".repeat(257), "\0".into(), "e\u{301}".into()] {
        assert!(is_invalid(kv.kv_list_keys(bad.clone()).await));
        assert!(is_invalid(kv.kv_list_keys_page(bad.clone(), None, 0).await));
        assert!(is_invalid(kv.kv_clear_prefix(bad).await));
    }
}

// kv cases 27, 28
#[tokio::test]
async fn quotas_of_the_profile_are_exact() {
    let mut host = kv(FakeHost::builder().limit(&NAMESPACE_BYTES, 1000).limit(&NAMESPACE_KEYS, 2));
    let mut kv = host.kv();
    kv.kv_set("k".into(), vec![0; 998]).await.unwrap();
    kv.kv_set("x".into(), vec![]).await.unwrap();
    assert!(matches!(kv.kv_set("x".into(), vec![0]).await, Err(ErrorCode::Quota)));
    kv.kv_set("k".into(), vec![0; 10]).await.unwrap();
    assert!(matches!(kv.kv_cas("third".into(), None, vec![]).await, Err(ErrorCode::Quota)));
    kv.kv_delete("k".into()).await.unwrap();
    kv.kv_cas("third".into(), None, vec![]).await.unwrap();
}

// kv cases 29, 53
#[tokio::test]
async fn a_quota_lowered_while_running_refuses_growth_alone() {
    let mut host = fresh();
    host.kv().kv_set("a".into(), vec![0; 2000]).await.unwrap();
    host.fake.recorder().set_limit(&NAMESPACE_BYTES, 1 << 10);
    assert!(matches!(host.kv().kv_set("a".into(), vec![0; 2001]).await, Err(ErrorCode::Quota)));
    host.kv().kv_set("a".into(), vec![1; 2000]).await.unwrap();
    assert_eq!(host.kv().kv_get("a".into()).await.unwrap().unwrap().len(), 2000);
    assert_eq!(host.kv().kv_list_keys(String::new()).await.unwrap(), ["a"]);
    host.fake.recorder().set_limit(&NAMESPACE_BYTES, 1 << 20);
    host.kv().kv_set("a".into(), vec![0; 2001]).await.unwrap();
}

// kv case 50
#[tokio::test]
async fn a_cas_mismatch_wins_over_an_exhausted_quota() {
    let mut host = kv(FakeHost::builder().limit(&NAMESPACE_BYTES, 3));
    host.kv().kv_set("k".into(), b"12".into()).await.unwrap();
    let longer = b"longer".to_vec();
    let cas = host.kv().kv_cas("k".into(), Some(b"x".into()), longer.clone()).await;
    assert!(matches!(cas, Err(ErrorCode::CasMismatch)));
    let cas = host.kv().kv_cas("k".into(), Some(b"12".into()), longer).await;
    assert!(matches!(cas, Err(ErrorCode::Quota)));
    assert_eq!(host.kv().kv_get("k".into()).await.unwrap().unwrap(), b"12");
}
