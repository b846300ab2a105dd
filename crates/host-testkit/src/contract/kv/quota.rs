//! Limits and usage.

use std::collections::BTreeMap;
use std::sync::Arc;

use astrid_host_kv::{Applied, Mutation, Store, Terms, Value};

use super::{DONE, Space};

const OVER: Applied = Applied::OverQuota;

// kv case 27
/// Reaching the limit is allowed, one byte more is not.
pub async fn the_byte_quota_is_exact(store: Arc<dyn Store>) {
    let space = Space::new(store).limited(1000, 100);
    assert_eq!(space.set("k", vec![0; 998]).await, DONE);
    assert_eq!(space.usage().await.bytes, 999);
    assert_eq!(space.set("x", "").await, DONE);
    assert_eq!(space.set("x", "1").await, OVER);
    assert_eq!(space.set("y", "").await, OVER);
    assert_eq!(space.set("k", vec![1; 999]).await, OVER);
    assert_eq!(space.get("k").await.as_deref(), Some(&[0; 998][..]));
    assert_eq!(space.set("k", vec![0; 10]).await, DONE);
    assert_eq!(space.set("z", vec![0; 988]).await, OVER);
    assert_eq!(space.set("z", vec![0; 987]).await, DONE); // 988 with its key
    assert_eq!(space.usage().await.bytes, 1000);
}

// kv case 28
/// Three keys fit, whichever three.
pub async fn the_key_quota_is_exact(store: Arc<dyn Store>) {
    let space = Space::new(store).limited(10_000, 3);
    for key in ["a", "b", "c"] {
        assert_eq!(space.set(key, "1").await, DONE);
    }
    assert_eq!(space.set("d", "1").await, OVER);
    assert_eq!(space.cas("d", None, "1").await, OVER);
    assert_eq!(space.set("b", "longer").await, DONE);
    space.delete("a").await;
    assert_eq!(space.set("d", "1").await, DONE);
    assert_eq!(space.list("").await, ["b", "c", "d"]);
}

// kv case 29
/// Only what grows is refused.
pub async fn a_namespace_over_a_lowered_quota_may_shrink_and_stay(store: Arc<dyn Store>) {
    let space = Space::new(store);
    space.set("a", vec![0; 500]).await;
    space.set("b", vec![0; 500]).await;
    let low = space.limited(100, 1);
    assert_eq!(low.get("a").await.map(|value| value.len()), Some(500));
    assert_eq!(low.list("").await, ["a", "b"]);
    assert_eq!(low.set("a", vec![1; 501]).await, OVER);
    assert_eq!(low.set("a", vec![1; 500]).await, DONE);
    assert_eq!(low.set("a", vec![1; 400]).await, DONE);
    assert_eq!(low.delete("b").await, DONE);
}

// kv case 53
/// Limits come with each call.
pub async fn a_changed_quota_counts_at_the_next_write(store: Arc<dyn Store>) {
    let space = Space::new(store);
    assert_eq!(space.limited(1 << 20, 10).set("a", vec![0; 2000]).await, DONE);
    assert_eq!(space.limited(1 << 10, 10).set("a", vec![0; 2001]).await, OVER);
    assert_eq!(space.limited(1 << 20, 10).set("a", vec![0; 2001]).await, DONE);
}

// kv case 46
/// What a mutation would answer, without its effect.
pub async fn a_rehearsal_answers_and_changes_nothing(store: Arc<dyn Store>) {
    let space = Space::new(store);
    space.set("a", "1").await;
    let before = space.usage().await;
    let (key, prefix, value) = (space.key("a"), space.prefix(""), Value::from(*b"22"));
    let cas = |expected: &'static [u8]| Mutation::Cas {
        key: key.clone(),
        expected: Some(Value::from(expected)),
        new: value.clone(),
    };
    for (mutation, bytes, outcome) in [
        (Mutation::Set { key: key.clone(), value: value.clone() }, 100, DONE),
        (Mutation::Set { key: key.clone(), value: value.clone() }, 2, OVER),
        (Mutation::Delete { key: key.clone() }, 100, DONE),
        (Mutation::Clear { prefix }, 100, DONE),
        (cas(b"1"), 100, DONE),
        (cas(b"2"), 100, Applied::Mismatch),
    ] {
        let terms = Terms { limits: space.limited(bytes, 10).limits, rehearse: true };
        assert_eq!(space.with(terms, mutation).await, outcome);
    }
    assert_eq!(space.get("a").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(space.usage().await, before);
}

// kv case 30
/// A model beside the store, and the usage after each of many operations.
pub async fn usage_equals_the_sum_after_random_operations(store: Arc<dyn Store>) {
    let space = Space::new(store).limited(60_000, 40);
    let (mut model, mut dice) = (BTreeMap::<String, Vec<u8>>::new(), Dice(0x5eed));
    for step in 0..2000 {
        let key = format!("k{:02}", dice.below(60));
        let value = vec![u8::try_from(step % 251).unwrap_or(0); dice.below(6000)];
        let old = model.get(&key).cloned();
        let applied = match dice.below(10) {
            0..5 => space.set(&key, &value).await,
            5 => space.cas(&key, old.as_deref(), &value).await,
            6 => space.cas(&key, Some(b"never stored"), &value).await,
            7 | 8 => space.delete(&key).await,
            _ => {
                let applied = space.clear(&key[..2]).await;
                let before = model.len();
                model.retain(|k, _| !k.starts_with(&key[..2]));
                assert_eq!(applied, Applied::Done(u64::try_from(before - model.len()).unwrap_or(0)));
                check(&space, &model).await;
                continue;
            }
        };
        if applied == DONE {
            match space.get(&key).await {
                Some(stored) => drop(model.insert(key, stored.to_vec())),
                None => drop(model.remove(&key)),
            }
        }
        check(&space, &model).await;
    }
}

async fn check(space: &Space, model: &BTreeMap<String, Vec<u8>>) {
    let usage = space.usage().await;
    let bytes: usize = model.iter().map(|(key, value)| key.len() + value.len()).sum();
    let counted = (usize::try_from(usage.bytes).ok(), usize::try_from(usage.keys).ok());
    assert_eq!(counted, (Some(bytes), Some(model.len())));
    assert!(usage.bytes <= space.limits.bytes && usage.keys <= space.limits.keys);
}

/// A small generator, so that a failing run can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 20).unwrap_or(0) % bound
    }
}
