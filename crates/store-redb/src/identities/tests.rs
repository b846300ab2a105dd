//! What an opening makes of rows that somebody changed with the engine itself, so that every block is in order.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use astrid_host_identity::{
    Account, Change, Clock, Commit, IdentityStore, Maker, Method, StoreError, User, UserId,
};

use redb::ReadableTable;

use super::{RedbIdentities, rows};
use crate::directory::{Directory, Holds};
use crate::engine::ROWS;

const KEY: [u8; 32] = [3; 32];

fn commit() -> Commit {
    let clock: Clock = Arc::new(SystemTime::now);
    Commit::new(&clock)
}

fn account(id: &str) -> Account {
    Account::parse("chat", id).unwrap()
}

async fn create(store: &RedbIdentities, principal: &str) -> UserId {
    let user = User { id: UserId::mint(), principal: principal.parse().unwrap(), display_name: None };
    let id = user.id;
    store.change(Change::CreateUser(user), commit()).await.unwrap();
    id
}

async fn link(store: &RedbIdentities, id: &str, user: UserId) -> Result<u64, StoreError> {
    let method = Method::parse("token").unwrap();
    let (account, made_by) = (account(id), Maker::default());
    store.change(Change::Link { account, user, method, made_by, limit: 256 }, commit()).await
}

async fn owner(store: &RedbIdentities, id: &str) -> Option<UserId> {
    store.find(&account(id)).await.unwrap().map(|found| found.user.id)
}

/// Two users with two links each.
async fn filled(path: &Path) -> [UserId; 2] {
    let store = RedbIdentities::open(path, &KEY).unwrap();
    let users = [create(&store, "ada").await, create(&store, "bob").await];
    for (id, user) in [("a1", users[0]), ("a2", users[0]), ("b1", users[1]), ("b2", users[1])] {
        link(&store, id, user).await.unwrap();
    }
    store.close().await;
    users
}

/// Changes a row of a closed store; no new value removes it.
fn edit(path: &Path, row: &[u8], change: impl FnOnce(Option<Vec<u8>>) -> Option<Vec<u8>>) {
    let database = Directory::open(path, Holds::Identities).unwrap().database(1 << 20).unwrap();
    let transaction = database.redb.begin_write().unwrap();
    {
        let mut table = transaction.open_table(ROWS).unwrap();
        let before = table.get(row).unwrap().map(|found| found.value().to_vec());
        match change(before) {
            Some(value) => drop(table.insert(row, &*value).unwrap()),
            None => drop(table.remove(row).unwrap()),
        }
    }
    database.commit(transaction).unwrap();
}

fn flip(value: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut value = value.unwrap();
    let last = value.len() - 3;
    value[last] ^= 0x04;
    Some(value)
}

fn index_of(path: &Path, user: UserId) -> Vec<Vec<u8>> {
    let database = Directory::open(path, Holds::Identities).unwrap().database(1 << 20).unwrap();
    let transaction = redb::ReadableDatabase::begin_read(&database.redb).unwrap();
    let table = transaction.open_table(ROWS).unwrap();
    let prefix = rows::by_user(user);
    let found = table.range(&*prefix..).unwrap().map(|row| row.unwrap().0.value().to_vec());
    found.take_while(|row| row.starts_with(&prefix)).collect()
}

// identity case 30
#[tokio::test]
async fn an_edited_link_is_none_for_a_look_up_and_an_error_for_a_change_and_others_are_fine() {
    let directory = tempfile::tempdir().unwrap();
    let users = filled(directory.path()).await;
    edit(directory.path(), &rows::link(&account("a1")), flip);
    let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
    assert_eq!((store.foreign_records(), store.repaired_rows()), (1, 0));
    assert_eq!(owner(&store, "a1").await, None);
    for id in ["a2", "b1", "b2"] {
        assert!(owner(&store, id).await.is_some(), "{id}");
    }
    let corrupt = Err(StoreError::Corrupt("a link".to_owned()));
    assert_eq!(link(&store, "a1", users[1]).await, corrupt);
    let unlink = Change::Unlink { account: account("a1"), owner: users[0] };
    assert_eq!(store.change(unlink, commit()).await, corrupt);
    assert_eq!(store.links(users[0]).await.unwrap().unwrap().len(), 1);
    assert_eq!(store.foreign_records(), 1, "each record is reported once");
    // Whoever deletes the user is rid of it.
    assert_eq!(store.change(Change::DeleteUser(users[0]), commit()).await, Ok(2));
    assert_eq!(link(&store, "a1", users[1]).await, Ok(1));
}

#[tokio::test]
async fn an_edited_user_is_nobody_and_keeps_its_principal_until_it_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let users = filled(directory.path()).await;
    edit(directory.path(), &rows::user(users[0]), flip);
    let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
    assert_eq!((store.foreign_records(), store.repaired_rows()), (1, 0));
    assert_eq!((owner(&store, "a1").await, owner(&store, "b1").await), (None, Some(users[1])));
    assert!(matches!(store.user(users[0]).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.links(users[0]).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(link(&store, "new", users[0]).await, Err(StoreError::Corrupt(_))));
    assert_eq!(store.users(None, 10).await.unwrap().len(), 1);
    let next = User { id: UserId::mint(), principal: "ada".parse().unwrap(), display_name: None };
    let taken = store.change(Change::CreateUser(next.clone()), commit()).await;
    assert_eq!(taken, Err(StoreError::PrincipalTaken));
    assert_eq!(store.change(Change::DeleteUser(users[0]), commit()).await, Ok(2));
    assert_eq!(store.change(Change::CreateUser(next.clone()), commit()).await, Ok(0));
    assert_eq!(link(&store, "a1", next.id).await, Ok(1));
}

// identity case 30
#[tokio::test]
async fn a_record_copied_over_anothers_is_not_taken_for_it() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    let mut bobs = None;
    edit(directory.path(), &rows::link(&account("b1")), |value| {
        bobs.clone_from(&value);
        value
    });
    edit(directory.path(), &rows::link(&account("a1")), |_| bobs);
    let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
    assert_eq!((owner(&store, "a1").await, store.foreign_records()), (None, 1));
}

#[tokio::test]
async fn without_the_key_no_record_counts() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).await;
    let store = RedbIdentities::open(directory.path(), &[4; 32]).unwrap();
    assert_eq!((owner(&store, "a1").await, store.foreign_records()), (None, 6));
    store.close().await;
    drop(store);
    let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
    assert!(owner(&store, "a1").await.is_some(), "and nothing was thrown away");
}

#[tokio::test]
async fn links_of_users_who_are_gone_are_dropped_at_an_opening() {
    let directory = tempfile::tempdir().unwrap();
    let users = filled(directory.path()).await;
    edit(directory.path(), &rows::user(users[0]), |_| None);
    let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
    // Two links, two rows of the index, one principal.
    assert_eq!((store.repaired_rows(), store.foreign_records()), (5, 0));
    assert_eq!(link(&store, "a1", users[1]).await, Ok(1));
    create(&store, "ada").await;
    store.close().await;
    drop(store);
    assert_eq!(RedbIdentities::open(directory.path(), &KEY).unwrap().repaired_rows(), 0);
}

#[tokio::test]
async fn indexes_are_made_anew_from_the_records() {
    let directory = tempfile::tempdir().unwrap();
    let users = filled(directory.path()).await;
    let index = index_of(directory.path(), users[0]);
    assert_eq!(index.len(), 2);
    for row in index {
        edit(directory.path(), &row, |_| None);
    }
    edit(directory.path(), &rows::principal(&"ada".parse().unwrap()), |_| None);
    let stray = rows::of_user(users[1], astrid_host_identity::Stamp::from_millis(1), &account("a1"));
    edit(directory.path(), &stray, |_| Some(Vec::new()));
    edit(directory.path(), &rows::principal(&"stray".parse().unwrap()), |_| {
        Some(rows::id_bytes(users[1]).to_vec())
    });
    edit(directory.path(), b"Rx", |_| Some(Vec::new()));
    edit(directory.path(), b"Sx", |_| Some(Vec::new()));
    let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
    assert_eq!((store.repaired_rows(), store.foreign_records()), (7, 0));
    for user in users {
        assert_eq!(store.links(user).await.unwrap().unwrap().len(), 2);
    }
    create(&store, "stray").await;
    let again = User { id: UserId::mint(), principal: "ada".parse().unwrap(), display_name: None };
    assert_eq!(store.change(Change::CreateUser(again), commit()).await, Err(StoreError::PrincipalTaken));
}
