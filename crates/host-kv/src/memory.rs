//! The in-memory backend: for tests, and for kernels that keep nothing.

use std::collections::BTreeMap;
use std::ops::Bound;

use astrid_host_context::Scope;

use crate::spaces::{Spaces, locked};
use crate::{
    Answer, Applied, Cursor, Key, Mutation, Page, Prefix, Receipt, Store, StoreError, Terms, Usage, Value,
};

/// Keeps every namespace in an ordered map under a lock of its own. Answers at once, without an
/// allocation beyond the value itself. Nothing survives the process.
#[derive(Debug, Default)]
pub struct Memory {
    namespaces: Spaces<Namespace>,
}

#[derive(Debug, Default)]
struct Namespace {
    rows: BTreeMap<String, Value>,
    usage: Usage,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for Memory {
    fn get<'a>(&'a self, scope: &'a Scope, key: &'a Key) -> Answer<'a, Option<Value>> {
        let found =
            self.namespaces.existing(scope).and_then(|ns| locked(&ns).rows.get(key.as_str()).cloned());
        Answer::ready(Ok(found))
    }

    fn page<'a>(
        &'a self,
        scope: &'a Scope,
        prefix: &'a Prefix,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> Answer<'a, Page> {
        let page = self
            .namespaces
            .existing(scope)
            .map_or_else(Page::default, |ns| locked(&ns).page(prefix, after, limit));
        Answer::ready(Ok(page))
    }

    fn apply<'a>(&'a self, scope: &'a Scope, mutation: Mutation, terms: Terms) -> Answer<'a, Receipt> {
        let applied = locked(&self.namespaces.of(scope)).apply(mutation, terms);
        Answer::ready(Ok(Answer::ready(Ok(applied))))
    }

    fn usage<'a>(&'a self, scope: &'a Scope) -> Answer<'a, Usage> {
        Answer::ready(Ok(self.namespaces.existing(scope).map_or_else(Usage::default, |ns| locked(&ns).usage)))
    }

    fn drop_namespace<'a>(&'a self, scope: &'a Scope) -> Answer<'a, ()> {
        self.namespaces.remove(scope);
        Answer::ready(Ok::<(), StoreError>(()))
    }
}

impl Namespace {
    fn page(&self, prefix: &Prefix, after: Option<&Cursor>, limit: usize) -> Page {
        let mut rest = self
            .rows
            .range::<str, _>((prefix.start(after), Bound::Unbounded))
            .map(|(key, _)| key)
            .take_while(|key| prefix.matches(key));
        let keys = rest.by_ref().take(limit).cloned().collect();
        Page { keys, more: rest.next().is_some() }
    }

    fn apply(&mut self, mutation: Mutation, terms: Terms) -> Applied {
        match mutation {
            Mutation::Set { key, value } => self.store(key, value, terms),
            Mutation::Cas { key, expected, new } => {
                if self.rows.get(key.as_str()) == expected.as_ref() {
                    self.store(key, new, terms)
                } else {
                    Applied::Mismatch
                }
            }
            Mutation::Delete { key } => {
                let old = self.rows.get(key.as_str()).map(|value| size(key.as_str(), value));
                if !terms.rehearse && old.is_some() {
                    self.rows.remove(key.as_str());
                    self.usage = self.usage.replaced(old, None);
                }
                Applied::Done(u64::from(old.is_some()))
            }
            Mutation::Clear { prefix } => self.clear(&prefix, terms.rehearse),
        }
    }

    fn store(&mut self, key: Key, value: Value, terms: Terms) -> Applied {
        let old = self.rows.get(key.as_str()).map(|value| size(key.as_str(), value));
        let next = self.usage.replaced(old, Some(size(key.as_str(), &value)));
        if !self.usage.may_become(next, terms.limits) {
            return Applied::OverQuota;
        }
        if !terms.rehearse {
            self.rows.insert(key.into_string(), value);
            self.usage = next;
        }
        Applied::Done(1)
    }

    fn clear(&mut self, prefix: &Prefix, rehearse: bool) -> Applied {
        let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        let matching = self.rows.range::<str, _>(from).map(|(key, _)| key);
        let keys: Vec<String> = matching.take_while(|key| prefix.matches(key)).cloned().collect();
        if !rehearse {
            for key in &keys {
                let old = self.rows.remove(key).map(|value| size(key, &value));
                self.usage = self.usage.replaced(old, None);
            }
        }
        Applied::Done(u64::try_from(keys.len()).unwrap_or(u64::MAX))
    }
}

/// What an entry counts in its namespace.
pub(crate) fn size(key: &str, value: &Value) -> u64 {
    u64::try_from(key.len().saturating_add(value.len())).unwrap_or(u64::MAX)
}
