//! Whose namespace a call reaches, and that it reaches no other.

use std::sync::Arc;

use crate::common::{State, state};
use astrid_host_kv::v1_0::bindings::astrid::kv::host::{ErrorCode, Host};
use astrid_host_kv::{KvView, Memory, Store};
use astrid_host_testkit::FakeHost;

async fn get(host: &mut State, key: &str) -> Option<Vec<u8>> {
    host.kv().kv_get(key.into()).await.unwrap()
}

// kv case 31
#[tokio::test]
async fn principals_of_one_capsule_read_and_clear_their_own_keys() {
    let mut host = state(FakeHost::builder(), Arc::new(Memory::new()));
    for who in ["alice", "bob"] {
        host.fake.serve(who);
        host.kv().kv_set("k".into(), who.into()).await.unwrap();
    }
    assert_eq!(host.kv().kv_clear_prefix(String::new()).await.unwrap(), 1);
    assert_eq!(get(&mut host, "k").await, None);
    host.fake.serve("alice");
    assert_eq!(get(&mut host, "k").await.unwrap(), b"alice");
}

// kv case 32
#[tokio::test]
async fn names_that_begin_alike_share_nothing() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    for (principal, capsule) in [("al", "a"), ("alice", "a"), ("al", "a2"), ("alice", "a2")] {
        let mut host = state(FakeHost::builder().principal(principal).capsule(capsule), store.clone());
        assert!(host.kv().kv_list_keys(String::new()).await.unwrap().is_empty());
        host.kv().kv_set(format!("{principal}.{capsule}"), vec![]).await.unwrap();
        assert_eq!(host.kv().kv_list_keys(String::new()).await.unwrap().len(), 1);
    }
    let mut host = state(FakeHost::builder().principal("al").capsule("a"), store.clone());
    assert_eq!(host.kv().kv_clear_prefix(String::new()).await.unwrap(), 1);
    let mut host = state(FakeHost::builder().principal("alice").capsule("a2"), store);
    assert_eq!(host.kv().kv_list_keys(String::new()).await.unwrap(), ["alice.a2"]);
}

// kv case 33, without the pool
#[tokio::test]
async fn interleaved_invocations_of_many_principals_never_read_across() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let mut pool: Vec<_> = (0..4).map(|_| state(FakeHost::builder(), store.clone())).collect();
    for n in 0..10_000_usize {
        let who = format!("p{}", (n * 7) % 20);
        let host = pool.get_mut(n % 4).unwrap();
        host.fake.serve(&who);
        let seen = get(host, "who").await;
        assert!(seen.is_none_or(|seen| seen == who.as_bytes()), "{who}");
        host.kv().kv_set("who".into(), who.into()).await.unwrap();
    }
}

// kv case 34
#[tokio::test]
async fn a_call_without_principal_reads_nothing_and_leaves_nothing() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let mut owned = state(FakeHost::builder().principal("default"), store.clone());
    owned.kv().kv_set("k".into(), b"owned".into()).await.unwrap();
    let mut host = state(FakeHost::builder().no_principal(), store.clone());
    for _ in 0..2 {
        assert_eq!(get(&mut host, "k").await, None);
        host.kv().kv_set("k".into(), b"lost".into()).await.unwrap();
        host.kv().kv_cas("k".into(), None, b"lost".into()).await.unwrap();
        let cas = host.kv().kv_cas("k".into(), Some(b"lost".into()), vec![]).await;
        assert!(matches!(cas, Err(ErrorCode::CasMismatch)));
        assert_eq!(host.kv().kv_clear_prefix(String::new()).await.unwrap(), 0);
        assert!(host.kv().kv_list_keys(String::new()).await.unwrap().is_empty());
    }
    let scope = host.fake.call().scope();
    assert_eq!(store.usage(&scope).await.unwrap().keys, 0);
    assert_eq!(get(&mut owned, "k").await.unwrap(), b"owned");
}

// kv case 34
#[tokio::test]
async fn a_caller_without_authority_is_retired_and_is_not_the_owner() {
    let mut host = state(FakeHost::builder(), Arc::new(Memory::new()));
    host.kv().kv_set("k".into(), vec![1]).await.unwrap();
    host.fake.set_call(|call| call.without_authority());
    for result in [
        host.kv().kv_get("k".into()).await.map(drop),
        host.kv().kv_set("k".into(), vec![]).await,
        host.kv().kv_clear_prefix(String::new()).await.map(drop),
    ] {
        assert!(matches!(result, Err(ErrorCode::Unknown(text)) if text == "principal view retired"));
    }
}

// kv case 48
#[tokio::test]
async fn a_guest_key_named_like_a_secret_is_a_guest_key() {
    let mut host = state(FakeHost::builder(), Arc::new(Memory::new()));
    host.kv().kv_set("__secret:token".into(), b"guest".into()).await.unwrap();
    assert_eq!(host.kv().kv_list_keys("__".into()).await.unwrap(), ["__secret:token"]);
    assert_eq!(get(&mut host, "__secret:token").await.unwrap(), b"guest");
}
