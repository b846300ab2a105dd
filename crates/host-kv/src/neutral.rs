//! The store of a call that belongs to nobody.

use astrid_host_context::Scope;

use crate::{Answer, Applied, Cursor, Key, Mutation, Page, Prefix, Receipt, Store, Terms, Usage, Value};

/// Reads as empty, and writes vanish. A call without a principal gets it instead of anybody's
/// namespace, so that it can neither read nor leave anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Neutral;

impl Store for Neutral {
    fn get<'a>(&'a self, _: &'a Scope, _: &'a Key) -> Answer<'a, Option<Value>> {
        Answer::ready(Ok(None))
    }

    fn page<'a>(&'a self, _: &'a Scope, _: &'a Prefix, _: Option<&'a Cursor>, _: usize) -> Answer<'a, Page> {
        Answer::ready(Ok(Page::default()))
    }

    fn apply<'a>(&'a self, _: &'a Scope, mutation: Mutation, terms: Terms) -> Answer<'a, Receipt> {
        Answer::ready(Ok(Answer::ready(Ok(on_nothing(&mutation, terms)))))
    }

    fn usage<'a>(&'a self, _: &'a Scope) -> Answer<'a, Usage> {
        Answer::ready(Ok(Usage::default()))
    }

    fn drop_namespace<'a>(&'a self, _: &'a Scope) -> Answer<'a, ()> {
        Answer::ready(Ok(()))
    }
}

fn on_nothing(mutation: &Mutation, terms: Terms) -> Applied {
    let store = |key: &Key, value: &Value| {
        let size = u64::try_from(key.as_str().len().saturating_add(value.len())).unwrap_or(u64::MAX);
        let empty = Usage::default();
        let fits = empty.may_become(empty.replaced(None, Some(size)), terms.limits);
        if fits { Applied::Done(1) } else { Applied::OverQuota }
    };
    match mutation {
        Mutation::Set { key, value } => store(key, value),
        Mutation::Cas { key, expected: None, new } => store(key, new),
        Mutation::Cas { expected: Some(_), .. } => Applied::Mismatch,
        Mutation::Delete { .. } | Mutation::Clear { .. } => Applied::Done(0),
    }
}
