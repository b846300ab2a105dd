//! What is staged of one namespace.

use std::collections::BTreeMap;
use std::ops::Bound;

use astrid_host_context::Scope;

use super::Change;
use crate::memory::size;
use crate::{Applied, Cursor, Key, Mutation, Page, Prefix, Terms, Usage, Value};

/// The keys that are different from below.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    rows: BTreeMap<Key, Row>,
    /// Of both layers together, once something was changed.
    usage: Option<Usage>,
}

/// One key's state.
#[derive(Debug)]
struct Row {
    now: Option<Value>,
    /// A key that is neither here nor there needs no row, so what a guest sets and removes again and
    /// again is forgotten.
    below: bool,
}

/// What a mutation needs to know of the layer below.
#[derive(Debug, Default)]
pub(super) struct Below {
    /// Of both layers, as it was before.
    pub(super) usage: Usage,
    /// The value of the key it is about, where nothing is staged for it.
    pub(super) value: Option<Value>,
    /// The keys it clears, with what each counts; 0 where all of them go.
    pub(super) matching: Vec<(Key, u64)>,
}

impl Overlay {
    pub(super) fn touched(&self, key: &str) -> bool {
        self.rows.contains_key(key)
    }

    /// The value of a key that was touched.
    pub(super) fn get(&self, key: &str) -> Option<Option<Value>> {
        self.rows.get(key).map(|row| row.now.clone())
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage
    }

    pub(super) fn changes(&self, scope: &Scope) -> Vec<Change> {
        let changes = self.rows.iter().map(|(key, row)| Change {
            scope: scope.clone(),
            key: key.clone(),
            value: row.now.clone(),
        });
        changes.collect()
    }

    pub(super) fn apply(&mut self, mutation: Mutation, terms: Terms, below: Below) -> Applied {
        let usage = self.usage.unwrap_or(below.usage);
        let (applied, next) = match mutation {
            Mutation::Set { key, value } => self.store(key, value, terms, usage, below.value.as_ref()),
            Mutation::Cas { key, expected, new } => {
                if self.current(&key, below.value.as_ref()) != expected.as_ref() {
                    return Applied::Mismatch;
                }
                self.store(key, new, terms, usage, below.value.as_ref())
            }
            Mutation::Delete { key } => self.remove(key, terms, usage, below.value.as_ref()),
            Mutation::Clear { prefix } => self.clear(&prefix, terms, usage, below.matching),
        };
        if !terms.rehearse && matches!(applied, Applied::Done(_)) {
            self.usage = Some(next);
        }
        applied
    }

    /// A page of both layers, or none while too few keys from below are known to tell.
    pub(super) fn page(
        &self,
        prefix: &Prefix,
        after: Option<&Cursor>,
        limit: usize,
        below: &Page,
    ) -> Option<Page> {
        let mut staged = self
            .rows
            .range::<str, _>((prefix.start(after), Bound::Unbounded))
            .map(|(key, row)| (key.as_str(), row))
            .take_while(|(key, _)| prefix.matches(key))
            .filter_map(|(key, row)| row.now.is_some().then_some(key))
            .peekable();
        let mut lower = below.keys.iter().map(String::as_str).filter(|key| !self.touched(key)).peekable();
        let both = std::iter::from_fn(|| match (staged.peek(), lower.peek()) {
            (Some(here), Some(there)) if here > there => lower.next(),
            (Some(_), _) => staged.next(),
            (None, _) => lower.next(),
        });
        let known_to = below.keys.last().filter(|_| below.more).map(String::as_str);
        let mut known = both.take_while(|key| known_to.is_none_or(|last| *key <= last));
        let keys: Vec<String> = known.by_ref().take(limit).map(str::to_owned).collect();
        let full = keys.len() == limit;
        let more = full && known.next().is_some();
        (more || known_to.is_none()).then_some(Page { keys, more })
    }

    fn current<'a>(&'a self, key: &Key, below: Option<&'a Value>) -> Option<&'a Value> {
        self.rows.get(key).map_or(below, |row| row.now.as_ref())
    }

    fn store(
        &mut self,
        key: Key,
        value: Value,
        terms: Terms,
        usage: Usage,
        below: Option<&Value>,
    ) -> (Applied, Usage) {
        let old = self.current(&key, below).map(|value| size(key.as_str(), value));
        let next = usage.replaced(old, Some(size(key.as_str(), &value)));
        if !usage.may_become(next, terms.limits) {
            return (Applied::OverQuota, usage);
        }
        if !terms.rehearse {
            self.put(key, Some(value), below.is_some());
        }
        (Applied::Done(1), next)
    }

    fn remove(&mut self, key: Key, terms: Terms, usage: Usage, below: Option<&Value>) -> (Applied, Usage) {
        let old = self.current(&key, below).map(|value| size(key.as_str(), value));
        if old.is_some() && !terms.rehearse {
            self.put(key, None, below.is_some());
        }
        (Applied::Done(u64::from(old.is_some())), usage.replaced(old, None))
    }

    fn clear(
        &mut self,
        prefix: &Prefix,
        terms: Terms,
        usage: Usage,
        matching: Vec<(Key, u64)>,
    ) -> (Applied, Usage) {
        let here = self
            .rows
            .range::<str, _>((prefix.start(None), Bound::Unbounded))
            .take_while(|(key, _)| prefix.matches(key.as_str()))
            .filter_map(|(key, row)| Some((key.clone(), size(key.as_str(), row.now.as_ref()?), row.below)));
        let there = matching.into_iter().filter(|(key, _)| !self.touched(key.as_str()));
        let gone: Vec<_> = here.chain(there.map(|(key, bytes)| (key, bytes, true))).collect();
        let mut next = gone.iter().fold(usage, |usage, (_, bytes, _)| usage.replaced(Some(*bytes), None));
        if next.keys == 0 {
            next = Usage::default();
        }
        let count = u64::try_from(gone.len()).unwrap_or(u64::MAX);
        if !terms.rehearse {
            for (key, _, below) in gone {
                self.put(key, None, below);
            }
        }
        (Applied::Done(count), next)
    }

    /// Stages a state; whether the key is below is what was known before, or else what is said.
    fn put(&mut self, key: Key, now: Option<Value>, below: bool) {
        let below = self.rows.get(&key).map_or(below, |row| row.below);
        if now.is_some() || below {
            self.rows.insert(key, Row { now, below });
        } else {
            self.rows.remove(&key);
        }
    }
}
