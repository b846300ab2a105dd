//! Random work on a staged store, beside a plain map that says what each answer must be.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use astrid_host_context::{CapsuleId, Scope};
use astrid_host_kv::{
    Applied, Cursor, Key, Limits, Memory, Mutation, Page, Prefix, Staged, Store, Terms, Usage, Value, replay,
};

type Model = BTreeMap<String, Vec<u8>>;

/// Tight enough that a part of the changes does not fit.
const LIMITS: Limits = Limits { bytes: 1200, keys: 24 };

fn scope() -> Scope {
    Scope { principal: None, capsule: CapsuleId::parse("notes").unwrap() }
}

/// A small generator, so that a failing run can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    /// Few of them, some the beginning of others.
    fn key(&mut self) -> String {
        let letters = ["a", "a.", "b", "ab", "\u{10ffff}", "é"];
        (0..=self.below(2)).map(|_| *letters.get(self.below(letters.len())).unwrap()).collect()
    }

    fn value(&mut self) -> Vec<u8> {
        vec![u8::try_from(self.below(3)).unwrap(); self.below(120)]
    }

    fn mutation(&mut self, model: &Model) -> Mutation {
        let key = Key::parse(self.key()).unwrap();
        match self.below(10) {
            0..5 => Mutation::Set { key, value: Value::from(self.value()) },
            5 | 6 => Mutation::Delete { key },
            7 => Mutation::Clear { prefix: Prefix::parse(self.key()).unwrap() },
            _ => {
                let present = model.get(key.as_str()).cloned();
                let expected = if self.below(2) == 0 { present } else { Some(self.value()) };
                Mutation::Cas { key, expected: expected.map(Value::from), new: Value::from(self.value()) }
            }
        }
    }
}

fn usage(model: &Model) -> Usage {
    let bytes: usize = model.iter().map(|(key, value)| key.len() + value.len()).sum();
    Usage { bytes: u64::try_from(bytes).unwrap(), keys: u64::try_from(model.len()).unwrap() }
}

/// What the contract says of it: the answer, and the model afterwards.
fn expected(model: &Model, mutation: &Mutation) -> (Applied, Model) {
    let mut next = model.clone();
    let done = |count: usize| Applied::Done(u64::try_from(count).unwrap());
    let (key, value) = match mutation {
        Mutation::Delete { key } => {
            let gone = next.remove(key.as_str());
            return (done(usize::from(gone.is_some())), next);
        }
        Mutation::Clear { prefix } => {
            next.retain(|key, _| !key.starts_with(prefix.as_str()));
            return (done(model.len() - next.len()), next);
        }
        Mutation::Cas { key, expected, .. }
            if model.get(key.as_str()).map(|value| &value[..]) != expected.as_deref() =>
        {
            return (Applied::Mismatch, next);
        }
        Mutation::Cas { key, new: value, .. } | Mutation::Set { key, value } => (key, value),
    };
    next.insert(key.as_str().to_owned(), value.to_vec());
    let (before, after) = (usage(model), usage(&next));
    let fits = (after.bytes <= LIMITS.bytes || after.bytes <= before.bytes)
        && (after.keys <= LIMITS.keys || after.keys <= before.keys);
    if fits { (done(1), next) } else { (Applied::OverQuota, model.clone()) }
}

async fn check_reads(staged: &Staged, model: &Model, dice: &mut Dice, step: usize) {
    let scope = scope();
    assert_eq!(staged.usage(&scope).await.unwrap(), usage(model), "step {step}");
    let key = dice.key();
    let found = staged.get(&scope, &Key::parse(&*key).unwrap()).await.unwrap();
    assert_eq!(found.as_deref(), model.get(&key).map(|value| &value[..]), "step {step}, {key:?}");
    let prefix = if dice.below(2) == 0 { String::new() } else { dice.key() };
    let (after, limit) = ((dice.below(3) > 0).then(|| dice.key()), dice.below(8));
    let from = after.clone().map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest =
        model.range((from, Bound::Unbounded)).map(|(key, _)| key).filter(|key| key.starts_with(&prefix));
    let keys: Vec<String> = rest.by_ref().take(limit).cloned().collect();
    let page = Page { keys, more: rest.next().is_some() };
    let cursor = after.as_deref().map(|after| Cursor::parse(after).unwrap());
    let parsed = Prefix::parse(&*prefix).unwrap();
    let listed = staged.page(&scope, &parsed, cursor.as_ref(), limit).await.unwrap();
    assert_eq!(listed, page, "step {step}, prefix {prefix:?} after {after:?}");
}

#[tokio::test]
async fn every_answer_is_that_of_a_plain_map_however_much_of_it_lies_below() {
    for seed in 0..20 {
        let (mut dice, mut model) = (Dice(seed), Model::new());
        let base: Arc<dyn Store> = Arc::new(Memory::new());
        for round in 0..10 {
            let staged = Staged::new(base.clone());
            let begun = model.clone();
            for step in 0..60 {
                let mutation = dice.mutation(&model);
                let (answer, next) = expected(&model, &mutation);
                let rehearse = dice.below(8) == 0;
                let terms = Terms { limits: LIMITS, rehearse };
                let receipt = staged.apply(&scope(), mutation.clone(), terms).await.unwrap();
                assert_eq!(receipt.await.unwrap(), answer, "seed {seed}.{round}.{step}: {mutation:?}");
                if !rehearse {
                    model = next;
                }
                check_reads(&staged, &model, &mut dice, step).await;
            }
            assert_eq!(base.usage(&scope()).await.unwrap(), usage(&begun), "nothing reached the store below");
            let changes = staged.changes();
            let touched = |key: &str| changes.iter().filter(|change| change.key.as_str() == key).count();
            assert!(changes.iter().all(|change| touched(change.key.as_str()) == 1));
            if dice.below(4) == 0 {
                model = begun;
            } else {
                replay(&*base, changes).await.unwrap();
            }
            check_reads(&Staged::new(base.clone()), &model, &mut dice, round).await;
        }
    }
}
