//! What every key-value backend must do, as cases that any of them can run on itself.
//!
//! ```ignore
//! astrid_host_testkit::kv_contract!(|| async { Arc::new(MyStore::open()) as Arc<dyn Store> });
//! ```
//!
//! makes one test of each case. [`crate::contract::kv()`] runs all of them in one.

mod atomic;
mod listing;
mod points;
mod quota;

use std::sync::Arc;

use astrid_host_context::{CapsuleId, Principal, Scope};
use astrid_host_kv::{Applied, Cursor, Key, Limits, Mutation, Page, Prefix, Store, Terms, Usage, Value};

pub use atomic::*;
pub use listing::*;
pub use points::*;
pub use quota::*;

/// Calls a macro with the name of every case.
#[doc(hidden)]
#[macro_export]
macro_rules! kv_contract_cases {
    ($then:path $(, $with:expr)?) => {
        $then! {
            [$($with)?]
            an_absent_key_reads_as_none
            a_stored_empty_value_is_not_none
            a_later_set_replaces_and_delete_twice_is_ok
            values_up_to_one_mebibyte_come_back_equal
            a_value_that_shrinks_and_grows_leaves_nothing_behind
            create_by_cas_succeeds_once
            expected_empty_and_expected_absent_are_different
            cas_to_the_same_value_is_a_success
            the_cas_truth_table_holds_and_no_failed_row_changes_usage
            listing_is_by_bytes_and_ignores_segments
            a_page_says_more_only_when_a_matching_key_follows
            pages_of_a_few_keys_end_exactly
            a_cursor_may_be_deleted_or_lie_outside_the_range
            the_highest_character_as_prefix_lists_its_own_keys_only
            clear_removes_the_prefix_and_counts
            stable_keys_come_exactly_once_while_others_come_and_go
            a_late_page_costs_what_the_first_does
            the_byte_quota_is_exact
            the_key_quota_is_exact
            a_namespace_over_a_lowered_quota_may_shrink_and_stay
            a_changed_quota_counts_at_the_next_write
            a_rehearsal_answers_and_changes_nothing
            usage_equals_the_sum_after_random_operations
            namespaces_never_cross
            a_dropped_namespace_reads_empty_and_starts_again
            ten_thousand_increments_by_cas_are_ten_thousand
            of_many_creators_one_wins
            a_reader_never_sees_a_mixed_value
            a_clear_is_one_step_for_readers
        }
    };
}

/// Makes one test of each case. Takes a closure that returns a future of a fresh `Arc<dyn Store>`.
#[macro_export]
macro_rules! kv_contract {
    ($make:expr) => {
        $crate::kv_contract_cases! { $crate::kv_contract_tests, $make }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! kv_contract_tests {
    ([$make:expr] $($case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let make = $make;
            $crate::contract::kv::$case(make().await).await;
        }
    )*};
}

macro_rules! run_all {
    ([] $($case:ident)*) => {
        /// Runs every case, each on a fresh backend.
        pub(super) async fn all<F: Future<Output = Arc<dyn Store>>>(make: impl Fn() -> F) {
            $(Box::pin($case(make().await)).await;)*
        }
    };
}
kv_contract_cases!(run_all);

/// Limits that no case means to meet.
pub(crate) const ROOMY: Limits = Limits { bytes: 1 << 32, keys: 1 << 32 };

/// One namespace of a backend, with the trait's calls as short words.
#[derive(Clone)]
pub(crate) struct Space {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) scope: Scope,
    pub(crate) limits: Limits,
}

#[expect(clippy::unwrap_used, reason = "a case ends at the first wrong answer")]
impl Space {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self::of(store, "alice", "notes")
    }

    pub(crate) fn of(store: Arc<dyn Store>, principal: &str, capsule: &str) -> Self {
        let principal = Some(Principal::parse(principal).unwrap());
        let scope = Scope { principal, capsule: CapsuleId::parse(capsule).unwrap() };
        Self { store, scope, limits: ROOMY }
    }

    pub(crate) fn limited(&self, bytes: u64, keys: u64) -> Self {
        Self { limits: Limits { bytes, keys }, ..self.clone() }
    }

    pub(crate) async fn get(&self, key: &str) -> Option<Value> {
        self.store.get(&self.scope, &Key::parse(key).unwrap()).await.unwrap()
    }

    pub(crate) async fn apply(&self, mutation: Mutation) -> Applied {
        self.with(Terms::commit(self.limits), mutation).await
    }

    pub(crate) async fn with(&self, terms: Terms, mutation: Mutation) -> Applied {
        self.store.apply(&self.scope, mutation, terms).await.unwrap().await.unwrap()
    }

    pub(crate) fn key(&self, text: &str) -> Key {
        Key::parse(text).unwrap()
    }

    pub(crate) fn prefix(&self, text: &str) -> Prefix {
        Prefix::parse(text).unwrap()
    }

    pub(crate) async fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Applied {
        let value = Value::from(value.as_ref());
        self.apply(Mutation::Set { key: Key::parse(key).unwrap(), value }).await
    }

    pub(crate) async fn delete(&self, key: &str) -> Applied {
        self.apply(Mutation::Delete { key: Key::parse(key).unwrap() }).await
    }

    pub(crate) async fn clear(&self, prefix: &str) -> Applied {
        self.apply(Mutation::Clear { prefix: Prefix::parse(prefix).unwrap() }).await
    }

    pub(crate) async fn cas(&self, key: &str, expected: Option<&[u8]>, new: impl AsRef<[u8]>) -> Applied {
        let key = Key::parse(key).unwrap();
        let (expected, new) = (expected.map(Value::from), Value::from(new.as_ref()));
        self.apply(Mutation::Cas { key, expected, new }).await
    }

    pub(crate) async fn page(&self, prefix: &str, after: Option<&str>, limit: usize) -> Page {
        let after = after.map(|after| Cursor::parse(after).unwrap());
        let prefix = Prefix::parse(prefix).unwrap();
        self.store.page(&self.scope, &prefix, after.as_ref(), limit).await.unwrap()
    }

    pub(crate) async fn list(&self, prefix: &str) -> Vec<String> {
        self.page(prefix, None, 1024).await.keys
    }

    pub(crate) async fn usage(&self) -> Usage {
        self.store.usage(&self.scope).await.unwrap()
    }

    /// Sets many keys at a time, so that a backend which groups its commits can.
    pub(crate) async fn fill(&self, keys: impl Iterator<Item = String>) {
        let mut waiting = Vec::new();
        for key in keys {
            let mutation = Mutation::Set { key: Key::parse(key).unwrap(), value: Value::from(*b"v") };
            let terms = Terms::commit(self.limits);
            waiting.push(self.store.apply(&self.scope, mutation, terms).await.unwrap());
        }
        for receipt in waiting {
            assert_eq!(receipt.await.unwrap(), Applied::Done(1));
        }
    }
}

pub(crate) const DONE: Applied = Applied::Done(1);
