//! The suite, and what outlives a process that ends well.

use std::cell::RefCell;
use std::sync::Arc;

use astrid_host_identity::{Change, IdentityStore, StoreError};
use astrid_host_testkit::contract;
use astrid_store_redb::{OpenError, RedbIdentities, RedbStore};

use crate::{KEY, account, commit, link, user};

// identity case 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redb_passes_the_suite() {
    let directories = RefCell::new(Vec::new());
    contract::identity::all(async || {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
        directories.borrow_mut().push(directory);
        Arc::new(store) as Arc<dyn IdentityStore>
    })
    .await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart_and_a_closed_store_says_so() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
    let ada = user("ada");
    store.change(Change::CreateUser(ada.clone()), commit()).await.unwrap();
    store.change(link(account("a"), ada.id, "token"), commit()).await.unwrap();
    let before = store.find(&account("a")).await.unwrap().unwrap();
    store.close().await;
    assert!(matches!(store.find(&account("a")).await, Err(StoreError::Closed(_))));
    drop(store);
    let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
    assert_eq!(store.find(&account("a")).await.unwrap().unwrap(), before);
    assert_eq!((store.repaired_rows(), store.foreign_records()), (0, 0));
}

#[tokio::test]
async fn a_directory_is_one_processes_and_never_taken_for_another_kind() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
    let second = RedbIdentities::open(directory.path(), &KEY);
    assert!(matches!(second, Err(OpenError::Locked { .. })), "{second:?}");
    store.close().await;
    drop(store);
    let as_values = RedbStore::open(directory.path(), &Default::default());
    assert!(matches!(as_values, Err(OpenError::Format { found, .. }) if found == "astrid-identity 1"));
    use std::os::unix::fs::PermissionsExt;
    let mode =
        |name: &str| std::fs::metadata(directory.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("."), mode("data")), (0o700, 0o600));
}
