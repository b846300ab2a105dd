//! Bytes of the file that changed.

use std::path::Path;

use astrid_host_identity::{Change, IdentityStore, StoreError, UserId};
use astrid_store_redb::RedbIdentities;

use crate::{KEY, account, commit, link, user};

const LINKS: usize = 300;

/// Many links, of which one has a method that no other has.
async fn filled(path: &Path) -> UserId {
    let store = RedbIdentities::open(path, &KEY).unwrap();
    let ada = user("ada");
    store.change(Change::CreateUser(ada.clone()), commit()).await.unwrap();
    for n in 0..LINKS {
        let method = if n == 123 { "the-one-to-hit" } else { "token" };
        store.change(link(account(&format!("a{n}")), ada.id, method), commit()).await.unwrap();
    }
    store.close().await;
    ada.id
}

/// Changes one byte of the record wherever the file has it: pages that were copied leave theirs behind.
fn hit(path: &Path, mask: u8) {
    let file = path.join("data");
    let mut bytes = std::fs::read(&file).unwrap();
    let text = b"the-one-to-hit";
    let places: Vec<_> = (0..bytes.len() - text.len()).filter(|at| bytes[*at..].starts_with(text)).collect();
    assert!(!places.is_empty(), "the record is in the file");
    for at in places {
        bytes[at + 4] ^= mask;
    }
    std::fs::write(&file, bytes).unwrap();
}

async fn linked(store: &RedbIdentities) -> Vec<usize> {
    let mut linked = Vec::new();
    for n in 0..LINKS {
        if store.find(&account(&format!("a{n}"))).await.unwrap().is_some() {
            linked.push(n);
        }
    }
    linked
}

// identity case 30
#[tokio::test]
async fn a_changed_byte_of_a_record_costs_that_link_alone_and_is_reported() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let ada = filled(directory.path()).await;
    hit(directory.path(), 0xff);
    let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
    assert_eq!(linked(&store).await, (0..LINKS).filter(|n| *n != 123).collect::<Vec<_>>());
    assert_eq!(store.foreign_records(), 1);
    let again = store.change(link(account("a123"), ada, "token"), commit()).await;
    assert!(matches!(again, Err(StoreError::Corrupt(_))), "{again:?}");
    store.change(link(account("new"), ada, "token"), commit()).await.unwrap();
    store.close().await;
}

// identity case 30
#[tokio::test]
async fn a_single_flipped_bit_is_flipped_back_and_costs_nothing() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    filled(directory.path()).await;
    hit(directory.path(), 0x10);
    let store = RedbIdentities::open(directory.path(), &KEY).unwrap();
    assert_eq!(linked(&store).await.len(), LINKS);
    assert_eq!(store.foreign_records(), 0);
}

// identity case 23
#[tokio::test]
async fn a_file_that_is_no_store_does_not_open_and_a_good_one_in_its_place_does() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    filled(directory.path()).await;
    let file = directory.path().join("data");
    let good = std::fs::read(&file).unwrap();
    for bad in [vec![0x5a; good.len()], vec![0x5a; 100]] {
        std::fs::write(&file, bad).unwrap();
        let refused = RedbIdentities::open(directory.path(), &KEY).unwrap_err().to_string();
        assert!(refused.contains("damaged"), "{refused}");
    }
    std::fs::write(&file, good).unwrap();
    assert_eq!(linked(&RedbIdentities::open(directory.path(), &KEY).unwrap()).await.len(), LINKS);
}
