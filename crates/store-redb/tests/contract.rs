//! The published backend suite on redb, and on changes staged over it.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::sync::Arc;

use astrid_host_context::Scope;
use astrid_host_kv::{
    Answer, Cursor, Key, Mutation, Page, Prefix, Receipt, Staged, Store, Terms, Usage, Value,
};
use astrid_store_redb::{Options, RedbStore};
use tempfile::TempDir;

/// A store whose directory goes with it.
struct Disposable(RedbStore, #[expect(dead_code, reason = "kept for its drop")] TempDir);

impl Store for Disposable {
    fn get<'a>(&'a self, scope: &'a Scope, key: &'a Key) -> Answer<'a, Option<Value>> {
        self.0.get(scope, key)
    }

    fn page<'a>(&'a self, s: &'a Scope, p: &'a Prefix, c: Option<&'a Cursor>, n: usize) -> Answer<'a, Page> {
        self.0.page(s, p, c, n)
    }

    fn apply<'a>(&'a self, scope: &'a Scope, mutation: Mutation, terms: Terms) -> Answer<'a, Receipt> {
        self.0.apply(scope, mutation, terms)
    }

    fn usage<'a>(&'a self, scope: &'a Scope) -> Answer<'a, Usage> {
        self.0.usage(scope)
    }

    fn drop_namespace<'a>(&'a self, scope: &'a Scope) -> Answer<'a, ()> {
        self.0.drop_namespace(scope)
    }
}

fn disposable() -> Arc<dyn Store> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = RedbStore::open(directory.path(), &Options::default()).unwrap();
    Arc::new(Disposable(store, directory))
}

astrid_host_testkit::kv_contract!(|| async { disposable() });

/// Its answers come later, so that what is staged meanwhile must be reckoned with.
mod staged {
    use super::*;
    astrid_host_testkit::kv_contract!(|| async { Arc::new(Staged::new(disposable())) as Arc<dyn Store> });
}
