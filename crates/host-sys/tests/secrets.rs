//! Secrets in files.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use astrid_host_context::{CapsuleId, Principal};
use astrid_host_sys::{FileSecrets, SecretScope, SecretStore, SecretValue};

fn scope(principal: Option<&str>) -> SecretScope {
    let principal = principal.map(|name| Principal::parse(name).unwrap());
    SecretScope { principal, capsule: CapsuleId::parse("c").unwrap() }
}

fn value(text: &str) -> SecretValue {
    SecretValue::new(text.to_owned())
}

async fn read(store: &FileSecrets, principal: Option<&str>, key: &str) -> Option<String> {
    store.get(&scope(principal), key).await.unwrap().map(|secret| secret.to_string())
}

#[tokio::test]
async fn a_secret_is_read_back_replaced_and_removed_in_its_own_scope_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileSecrets::new(folder.path().join("secrets"));
    let alice = scope(Some("alice"));
    assert_eq!(read(&store, Some("alice"), "k").await, None);
    store.set(&alice, "k", value("one")).await.unwrap();
    store.set(&alice, "k", value("two")).await.unwrap();
    store.set(&scope(None), "k", value("")).await.unwrap();
    assert_eq!(read(&store, Some("alice"), "k").await.as_deref(), Some("two"));
    assert_eq!(read(&store, None, "k").await.as_deref(), Some(""));
    assert_eq!(read(&store, Some("bob"), "k").await, None);
    assert!(store.exists(&alice, "k").await.unwrap());
    store.delete(&alice, "k").await.unwrap();
    store.delete(&alice, "k").await.unwrap();
    assert!(!store.exists(&alice, "k").await.unwrap());
    assert!(store.exists(&scope(None), "k").await.unwrap());
}

#[tokio::test]
async fn secret_files_are_private_and_no_temporary_file_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileSecrets::new(folder.path());
    store.set(&scope(Some("alice")), "k", value("x")).await.unwrap();
    let parent = folder.path().join("principals/alice/c");
    let names: Vec<_> = fs::read_dir(&parent).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["k"]);
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(parent.join("k")), 0o600);
    assert_eq!(mode(parent), 0o700);
}

#[tokio::test]
async fn a_file_that_others_can_read_a_link_and_broken_text_are_failures_and_not_absences() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileSecrets::new(folder.path());
    let alice = scope(Some("alice"));
    for key in ["open", "link", "bytes"] {
        store.set(&alice, key, value("x")).await.unwrap();
    }
    let parent = folder.path().join("principals/alice/c");
    fs::set_permissions(parent.join("open"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::remove_file(parent.join("link")).unwrap();
    symlink(parent.join("bytes"), parent.join("link")).unwrap();
    fs::write(parent.join("bytes"), [0xff, 0xfe]).unwrap();
    for key in ["open", "link", "bytes"] {
        assert!(store.get(&alice, key).await.is_err(), "{key}");
    }
}

#[tokio::test]
async fn no_key_reaches_out_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("outside"), "x").unwrap();
    let store = FileSecrets::new(folder.path().join("secrets"));
    let alice = scope(Some("alice"));
    for key in ["../../../../outside", "..", ".", "a/b", "a\0b"] {
        store.set(&alice, key, value("inside")).await.unwrap();
        assert_eq!(read(&store, Some("alice"), key).await.as_deref(), Some("inside"), "{key:?}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("outside")).unwrap(), "x");
    assert!(store.set(&alice, &"/".repeat(100), value("x")).await.is_err());
}
