//! Changes that are kept back: the backend suite over an empty store and over one that has part of the
//! data, and what becomes of the changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use astrid_host_context::{CapsuleId, Principal, Scope};
use astrid_host_kv::{
    Answer, Applied, Change, Cursor, Key, Limits, Memory, Mutation, Page, Prefix, Receipt, Staged, Store,
    StoreError, Terms, Usage, Value, replay,
};
use tokio::sync::RwLock;

const ROOMY: Limits = Limits { bytes: 1 << 30, keys: 1 << 30 };

mod over_nothing {
    use super::*;
    astrid_host_testkit::kv_contract!(|| async {
        Arc::new(Staged::new(Arc::new(Memory::new()))) as Arc<dyn Store>
    });
}

mod over_data {
    use super::*;
    astrid_host_testkit::kv_contract!(|| async { Arc::new(Moving::new()) as Arc<dyn Store> });
}

/// Writes what is staged to the store below every few changes, so that a suite which fills its own store
/// finds its data in both layers, and every answer goes through a replay.
struct Moving {
    base: Arc<dyn Store>,
    staged: RwLock<Staged>,
    applied: AtomicUsize,
}

impl Moving {
    fn new() -> Self {
        let base: Arc<dyn Store> = Arc::new(Memory::new());
        Self { staged: RwLock::new(Staged::new(base.clone())), base, applied: AtomicUsize::new(0) }
    }

    async fn moved(&self) -> Result<(), StoreError> {
        if self.applied.fetch_add(1, Ordering::Relaxed) % 7 == 6 {
            let mut staged = self.staged.write().await;
            replay(&*self.base, staged.changes()).await?;
            *staged = Staged::new(self.base.clone());
        }
        Ok(())
    }
}

impl Store for Moving {
    fn get<'a>(&'a self, scope: &'a Scope, key: &'a Key) -> Answer<'a, Option<Value>> {
        Answer::later(async move { self.staged.read().await.get(scope, key).await })
    }

    fn page<'a>(
        &'a self,
        scope: &'a Scope,
        prefix: &'a Prefix,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> Answer<'a, Page> {
        Answer::later(async move { self.staged.read().await.page(scope, prefix, after, limit).await })
    }

    fn apply<'a>(&'a self, scope: &'a Scope, mutation: Mutation, terms: Terms) -> Answer<'a, Receipt> {
        Answer::later(async move {
            let applied = self.staged.read().await.apply(scope, mutation, terms).await?.await;
            self.moved().await?;
            Ok(Answer::ready(applied))
        })
    }

    fn usage<'a>(&'a self, scope: &'a Scope) -> Answer<'a, Usage> {
        Answer::later(async move { self.staged.read().await.usage(scope).await })
    }

    fn drop_namespace<'a>(&'a self, scope: &'a Scope) -> Answer<'a, ()> {
        Answer::later(async move { self.staged.read().await.drop_namespace(scope).await })
    }
}

fn scope(principal: &str) -> Scope {
    let capsule = CapsuleId::parse("notes").unwrap();
    Scope { principal: Some(Principal::parse(principal).unwrap()), capsule }
}

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn value(text: &str) -> Value {
    Value::from(text.as_bytes().to_vec())
}

async fn apply(store: &dyn Store, who: &str, mutation: Mutation) -> Applied {
    store.apply(&scope(who), mutation, Terms::commit(ROOMY)).await.unwrap().await.unwrap()
}

async fn set(store: &dyn Store, who: &str, name: &str, text: &str) -> Applied {
    apply(store, who, Mutation::Set { key: key(name), value: value(text) }).await
}

async fn delete(store: &dyn Store, who: &str, name: &str) -> Applied {
    apply(store, who, Mutation::Delete { key: key(name) }).await
}

/// Every key with its value, by name.
async fn all(store: &dyn Store, who: &str) -> Vec<(String, String)> {
    let page = store.page(&scope(who), &Prefix::default(), None, 1024).await.unwrap();
    let mut found = Vec::new();
    for name in page.keys {
        let value = store.get(&scope(who), &key(&name)).await.unwrap().unwrap();
        found.push((name, String::from_utf8(value.to_vec()).unwrap()));
    }
    found
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// `a`, `b.1` and `b.2` of alice.
async fn filled() -> (Arc<dyn Store>, Staged) {
    let base: Arc<dyn Store> = Arc::new(Memory::new());
    for (name, text) in [("a", "1"), ("b.1", "2"), ("b.2", "3")] {
        set(&*base, "alice", name, text).await;
    }
    (base.clone(), Staged::new(base))
}

#[tokio::test]
async fn what_is_staged_is_seen_here_alone_until_it_is_replayed() {
    let (base, staged) = filled().await;
    let before = all(&*base, "alice").await;
    set(&staged, "alice", "c", "4").await;
    set(&staged, "alice", "a", "changed").await;
    apply(&staged, "alice", Mutation::Clear { prefix: Prefix::parse("b.").unwrap() }).await;
    set(&staged, "bob", "his", "5").await;
    let after = pairs(&[("a", "changed"), ("c", "4")]);
    assert_eq!(all(&staged, "alice").await, after);
    assert_eq!((all(&*base, "alice").await, all(&*base, "bob").await), (before, Vec::new()));
    replay(&*base, staged.changes()).await.unwrap();
    assert_eq!((all(&*base, "alice").await, all(&*base, "bob").await), (after, pairs(&[("his", "5")])));
}

#[tokio::test]
async fn a_replay_that_broke_off_anywhere_is_made_right_by_a_whole_one() {
    let (base, staged) = filled().await;
    set(&staged, "alice", "a", "changed").await;
    delete(&staged, "alice", "b.1").await;
    set(&staged, "alice", "c", "4").await;
    let changes = staged.changes();
    assert_eq!(changes.len(), 3);
    for done in 0..=changes.len() {
        replay(&*base, changes[..done].to_vec()).await.unwrap();
        replay(&*base, changes.clone()).await.unwrap();
        assert_eq!(all(&*base, "alice").await, pairs(&[("a", "changed"), ("b.2", "3"), ("c", "4")]));
    }
}

#[tokio::test]
async fn each_key_is_told_once_with_its_last_state_and_one_that_came_and_went_not_at_all() {
    let (_, staged) = filled().await;
    for n in 0..100 {
        set(&staged, "alice", &format!("passing.{n}"), "x").await;
        delete(&staged, "alice", &format!("passing.{n}")).await;
        set(&staged, "alice", "a", &n.to_string()).await;
    }
    delete(&staged, "alice", "b.1").await;
    delete(&staged, "alice", "b.1").await;
    let told = |key: Key, value| Change { scope: scope("alice"), key, value };
    assert_eq!(staged.changes(), [told(key("a"), Some(value("99"))), told(key("b.1"), None)]);
}

#[tokio::test]
async fn a_rehearsal_and_a_refusal_stage_nothing() {
    let (_, staged) = filled().await;
    let change = Mutation::Set { key: key("a"), value: value("22") };
    let terms = |bytes, rehearse| Terms { limits: Limits { bytes, keys: 3 }, rehearse };
    // 1 + 1, 3 + 1 and 3 + 1 bytes lie below.
    for (bytes, rehearse, answer) in [(11, true, Applied::Done(1)), (10, false, Applied::OverQuota)] {
        let receipt = staged.apply(&scope("alice"), change.clone(), terms(bytes, rehearse)).await.unwrap();
        assert_eq!(receipt.await.unwrap(), answer);
        assert!(staged.changes().is_empty());
    }
    let receipt = staged.apply(&scope("alice"), change, terms(11, false)).await.unwrap();
    assert_eq!(receipt.await.unwrap(), Applied::Done(1));
    assert_eq!(staged.usage(&scope("alice")).await.unwrap(), Usage { bytes: 11, keys: 3 });
}

#[tokio::test]
async fn a_dropped_namespace_is_dropped_below_only_by_its_replay() {
    let (base, staged) = filled().await;
    set(&staged, "alice", "c", "4").await;
    staged.drop_namespace(&scope("alice")).await.unwrap();
    set(&staged, "alice", "b.1", "again").await;
    assert_eq!(all(&staged, "alice").await, pairs(&[("b.1", "again")]));
    assert_eq!(staged.usage(&scope("alice")).await.unwrap(), Usage { bytes: 8, keys: 1 });
    assert_eq!(all(&*base, "alice").await.len(), 3);
    replay(&*base, staged.changes()).await.unwrap();
    assert_eq!(all(&*base, "alice").await, pairs(&[("b.1", "again")]));
}

#[tokio::test]
async fn a_page_after_thousands_of_removed_keys_is_found() {
    let base: Arc<dyn Store> = Arc::new(Memory::new());
    for n in 0..5000 {
        set(&*base, "alice", &format!("k{n:04}"), "").await;
    }
    let staged = Staged::new(base);
    for n in 10..4990 {
        delete(&staged, "alice", &format!("k{n:04}")).await;
    }
    set(&staged, "alice", "k2000x", "").await;
    let after = Cursor::parse("k0008").unwrap();
    let page = |limit| {
        let (staged, after) = (&staged, &after);
        async move { staged.page(&scope("alice"), &Prefix::default(), Some(after), limit).await.unwrap() }
    };
    let first = page(2).await;
    assert_eq!((&*first.keys, first.more), (&["k0009", "k2000x"].map(str::to_owned)[..], true));
    let last = page(12).await;
    assert_eq!(
        (last.keys.len(), last.keys.last().map(String::as_str), last.more),
        (12, Some("k4999"), false)
    );
}
