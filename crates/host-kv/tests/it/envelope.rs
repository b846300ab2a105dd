//! Cancellation, audit, and what of a failure guests may read.

use std::sync::Arc;

use crate::common::{State, state};
use astrid_host_context::{Audit, Outcome, Scope};
use astrid_host_kv::v1_0::bindings::astrid::kv::host::{ErrorCode, Host};
use astrid_host_kv::{
    Answer, Cursor, Key, KvView, Memory, Mutation, NAMESPACE_BYTES, Page, Prefix, Receipt, Store, StoreError,
    Terms, Usage, Value, arms,
};
use astrid_host_testkit::FakeHost;
use parking_lot::Mutex;
use tokio::sync::Notify;

fn fresh() -> State {
    state(FakeHost::builder(), Arc::new(Memory::new()))
}

async fn every_function(host: &mut State) -> Vec<Result<(), ErrorCode>> {
    let key = || "k".to_owned();
    vec![
        host.kv().kv_get(key()).await.map(drop),
        host.kv().kv_set(key(), vec![1]).await,
        host.kv().kv_delete(key()).await,
        host.kv().kv_list_keys(key()).await.map(drop),
        host.kv().kv_list_keys_page(key(), None, 0).await.map(drop),
        host.kv().kv_clear_prefix(key()).await.map(drop),
        host.kv().kv_cas(key(), None, vec![]).await,
    ]
}

fn says(result: &Result<(), ErrorCode>, text: &str) -> bool {
    matches!(result, Err(ErrorCode::Unknown(said)) if said == text)
}

// kv case 36
#[tokio::test]
async fn a_retired_principal_is_told_so_everywhere_and_its_peers_go_on() {
    let mut host = fresh();
    host.kv().kv_set("k".into(), vec![7]).await.unwrap();
    host.fake.serve("alice");
    host.fake.cancellation().retire();
    for result in every_function(&mut host).await {
        assert!(says(&result, "principal view retired"), "{result:?}");
    }
    host.fake.serve("bob");
    assert!(every_function(&mut host).await.iter().all(Result::is_ok));
    host.fake.serve("alice");
    assert_eq!(host.kv().kv_get("k".into()).await.unwrap().unwrap(), [7]);
}

// kv case 37
#[tokio::test]
async fn a_call_after_cancellation_has_no_effect() {
    let mut host = fresh();
    host.kv().kv_set("k".into(), vec![7]).await.unwrap();
    host.fake.cancellation().cancel();
    for result in every_function(&mut host).await {
        assert!(says(&result, "cancelled"), "{result:?}");
    }
    host.fake.serve("alice");
    assert_eq!(host.kv().kv_get("k".into()).await.unwrap().unwrap(), [7]);
}

/// Takes a mutation when `queue` lets it, and finishes it when `finish` does.
#[derive(Default)]
struct Slow {
    memory: Memory,
    arrived: Notify,
    queue: Notify,
    queued: Notify,
    finish: Arc<Notify>,
}

impl Store for Slow {
    fn get<'a>(&'a self, scope: &'a Scope, key: &'a Key) -> Answer<'a, Option<Value>> {
        self.memory.get(scope, key)
    }

    fn page<'a>(&'a self, s: &'a Scope, p: &'a Prefix, c: Option<&'a Cursor>, n: usize) -> Answer<'a, Page> {
        self.memory.page(s, p, c, n)
    }

    fn apply<'a>(&'a self, scope: &'a Scope, mutation: Mutation, terms: Terms) -> Answer<'a, Receipt> {
        Answer::later(async move {
            self.arrived.notify_one();
            self.queue.notified().await;
            let receipt = self.memory.apply(scope, mutation, terms).await?;
            self.queued.notify_one();
            let finish = self.finish.clone();
            Ok(Answer::later(async move {
                finish.notified().await;
                receipt.await
            }))
        })
    }

    fn usage<'a>(&'a self, scope: &'a Scope) -> Answer<'a, Usage> {
        self.memory.usage(scope)
    }

    fn drop_namespace<'a>(&'a self, scope: &'a Scope) -> Answer<'a, ()> {
        self.memory.drop_namespace(scope)
    }
}

// kv case 37
#[tokio::test]
async fn a_token_that_fires_after_a_set_was_queued_changes_nothing_about_it() {
    let slow = Arc::new(Slow::default());
    let mut host = state(FakeHost::builder(), slow.clone());
    let token = host.fake.cancellation();
    let set = tokio::spawn(async move { (host.kv().kv_set("k".into(), vec![1]).await, host) });
    slow.queue.notify_one();
    slow.queued.notified().await;
    token.cancel();
    slow.finish.notify_one();
    let (result, mut host) = set.await.unwrap();
    assert!(result.is_ok(), "{result:?}");
    host.fake.serve("alice");
    assert_eq!(host.kv().kv_get("k".into()).await.unwrap().unwrap(), [1]);
}

// kv case 37
#[tokio::test]
async fn a_token_that_fires_before_a_set_is_queued_leaves_the_key_absent() {
    let slow = Arc::new(Slow::default());
    let mut host = state(FakeHost::builder(), slow.clone());
    let token = host.fake.cancellation();
    let set = tokio::spawn(async move { (host.kv().kv_set("k".into(), vec![1]).await, host) });
    slow.arrived.notified().await;
    token.cancel();
    let (result, mut host) = set.await.unwrap();
    assert!(says(&result, "cancelled"), "{result:?}");
    host.fake.serve("alice");
    assert_eq!(host.kv().kv_get("k".into()).await.unwrap(), None);
}

// kv case 46
#[tokio::test]
async fn five_mutations_leave_five_records_in_call_order() {
    let mut host = fresh();
    host.kv().kv_set("s.1".into(), b"value".into()).await.unwrap();
    host.kv().kv_delete("absent".into()).await.unwrap();
    host.kv().kv_set("s.2".into(), vec![]).await.unwrap();
    host.fake.recorder().clear();
    host.kv().kv_set("k".into(), b"value".into()).await.unwrap();
    host.kv().kv_delete("k".into()).await.unwrap();
    host.kv().kv_clear_prefix("s.".into()).await.unwrap();
    host.kv().kv_cas("c".into(), None, b"new".into()).await.unwrap();
    host.kv().kv_cas("c".into(), None, b"newer".into()).await.unwrap_err();
    let digest = |value: &[u8]| ("blake3", blake3::hash(value).to_hex().to_string());
    let length = |length: usize| ("length", length.to_string());
    let records = host.fake.recorder().audited();
    let seen: Vec<_> = records
        .iter()
        .map(|e| (e.op.function, e.target.as_deref().unwrap(), e.facts.clone(), e.outcome))
        .collect();
    let expected = [
        ("kv-set", "k", vec![length(5), digest(b"value")], Outcome::Allowed),
        ("kv-delete", "k", vec![], Outcome::Allowed),
        ("kv-clear-prefix", "s.", vec![("count", "2".to_owned())], Outcome::Allowed),
        ("kv-cas", "c", vec![length(3), digest(b"new")], Outcome::Allowed),
        ("kv-cas", "c", vec![length(5), digest(b"newer")], Outcome::Failed("cas-mismatch")),
    ];
    assert_eq!(seen, expected);
}

// kv case 46
#[tokio::test]
async fn a_thousand_reads_are_a_count_and_the_1024th_is_an_event_as_well() {
    let mut host = fresh();
    host.kv().kv_set("k".into(), vec![0; 3]).await.unwrap();
    host.fake.recorder().clear();
    for _ in 0..1000 {
        host.kv().kv_get("k".into()).await.unwrap();
    }
    assert!(host.fake.recorder().told().is_empty());
    assert_eq!(host.fake.recorder().counted("kv-get"), (1000, 3000));
    for _ in 0..24 {
        host.kv().kv_get("k".into()).await.unwrap();
    }
    let records = host.fake.recorder().audited();
    assert!(matches!(&records[..], [one] if one.op.audit == Audit::Event && one.bytes == 3));
    assert_eq!(host.fake.recorder().counted("kv-get"), (1024, 3072));
}

// kv case 46
#[tokio::test]
async fn without_its_record_a_mutation_has_no_effect_and_mismatch_and_quota_come_first() {
    let mut host = fresh();
    host.kv().kv_set("k".into(), vec![7]).await.unwrap();
    host.fake.recorder().refuse_records(true);
    for result in [
        host.kv().kv_set("k".into(), vec![8]).await,
        host.kv().kv_delete("k".into()).await,
        host.kv().kv_clear_prefix(String::new()).await.map(drop),
        host.kv().kv_cas("k".into(), Some(vec![7]), vec![8]).await,
    ] {
        assert!(says(&result, "audit unavailable"), "{result:?}");
    }
    let cas = host.kv().kv_cas("k".into(), None, vec![8]).await;
    assert!(matches!(cas, Err(ErrorCode::CasMismatch)));
    host.fake.recorder().set_limit(&NAMESPACE_BYTES, 2);
    assert!(matches!(host.kv().kv_set("k".into(), vec![8; 9]).await, Err(ErrorCode::Quota)));
    assert_eq!(host.kv().kv_get("k".into()).await.unwrap().unwrap(), [7]);
}

/// Answers everything with one error, full of what guests must not read.
struct Broken(Mutex<StoreError>);

impl Broken {
    fn answer<T>(&self) -> Answer<'_, T> {
        Answer::ready(Err(self.0.lock().clone()))
    }
}

impl Store for Broken {
    fn get<'a>(&'a self, _: &'a Scope, _: &'a Key) -> Answer<'a, Option<Value>> {
        self.answer()
    }

    fn page<'a>(&'a self, _: &'a Scope, _: &'a Prefix, _: Option<&'a Cursor>, _: usize) -> Answer<'a, Page> {
        self.answer()
    }

    fn apply<'a>(&'a self, _: &'a Scope, _: Mutation, _: Terms) -> Answer<'a, Receipt> {
        self.answer()
    }

    fn usage<'a>(&'a self, _: &'a Scope) -> Answer<'a, Usage> {
        self.answer()
    }

    fn drop_namespace<'a>(&'a self, _: &'a Scope) -> Answer<'a, ()> {
        self.answer()
    }
}

// kv case 47
#[tokio::test]
async fn every_unknown_text_is_one_of_five_whatever_the_backend_says() {
    const SECRET: &str = "/srv/state/kv alice:capsule:fake";
    let errors = [
        (StoreError::from(std::io::Error::other(SECRET)), "storage unavailable"),
        (StoreError::Corrupt(SECRET.into()), "storage corrupted"),
        (StoreError::Closed(SECRET.into()), "storage unavailable"),
        (StoreError::Format { found: SECRET.into(), known: "1" }, "storage unavailable"),
    ];
    for (error, text) in errors {
        let mut host = state(FakeHost::builder(), Arc::new(Broken(Mutex::new(error))));
        for result in every_function(&mut host).await {
            assert!(says(&result, text), "{result:?}");
            assert!(arms::UNKNOWN_TEXTS.contains(&text));
        }
        let records = host.fake.recorder().audited();
        assert_eq!(records.len(), 4, "the four mutations");
        for record in records {
            assert_eq!(record.outcome, Outcome::Failed("unknown"));
            let detail = record.detail.unwrap_or_else(|| panic!("operators are told nothing"));
            assert!(detail.contains(SECRET), "{detail}");
        }
    }
}
