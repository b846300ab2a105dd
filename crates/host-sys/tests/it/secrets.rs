//! Secrets in files.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use astrid_host_context::{CapsuleId, Principal};
use astrid_host_sys::{FileSecrets, MemorySecrets, SecretScope, SecretStore};

#[expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]
fn alice() -> SecretScope {
    SecretScope {
        principal: Some(Principal::parse("alice").unwrap()),
        capsule: CapsuleId::parse("c").unwrap(),
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().map_or(0, |file| file.permissions().mode() & 0o777)
}

// sys case 8
#[tokio::test]
async fn a_secret_is_one_private_file_that_is_replaced_whole_and_removed() {
    let root = tempfile::tempdir().unwrap();
    let store = FileSecrets::new(root.path().join("s"));
    assert_eq!(store.get(&alice(), "../k").await.unwrap(), None);
    store.delete(&alice(), "../k").await.unwrap();
    let long = "k".repeat(256);
    for key in ["../k", long.as_str()] {
        for value in ["first", "", "second"] {
            store.set(&alice(), key, value.to_owned().into()).await.unwrap();
            assert_eq!(store.get(&alice(), key).await.unwrap().unwrap().as_str(), value);
        }
        assert!(store.exists(&alice(), key).await.unwrap());
    }
    let folder = root.path().join("s/alice/c");
    assert_eq!((mode(&folder), mode(&folder.join("%2e%2e%2fk"))), (0o700, 0o600));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "a temporary file was left behind");
    store.delete(&alice(), "../k").await.unwrap();
    assert!(!store.exists(&alice(), "../k").await.unwrap());
}

#[tokio::test]
async fn clearing_removes_all_secrets_of_one_capsule_and_principal() {
    let root = tempfile::tempdir().unwrap();
    let stores: [&dyn SecretStore; 2] = [&FileSecrets::new(root.path()), &MemorySecrets::new()];
    for store in stores {
        let bob = SecretScope { principal: Some(Principal::parse("bob").unwrap()), ..alice() };
        let host = SecretScope { principal: None, ..alice() };
        store.clear(&alice()).await.unwrap();
        let long = "k".repeat(256);
        for scope in [&alice(), &bob, &host] {
            for key in ["k", long.as_str()] {
                store.set(scope, key, "v".to_owned().into()).await.unwrap();
            }
        }
        store.clear(&alice()).await.unwrap();
        for key in ["k", long.as_str()] {
            assert!(!store.exists(&alice(), key).await.unwrap());
            assert!(store.exists(&bob, key).await.unwrap() && store.exists(&host, key).await.unwrap());
        }
        store.set(&alice(), "k", "again".to_owned().into()).await.unwrap();
    }
}

// sys case 7
#[tokio::test]
async fn a_link_or_a_folder_in_a_secrets_place_is_a_failure_and_not_an_absence() {
    let root = tempfile::tempdir().unwrap();
    let store = FileSecrets::new(root.path());
    let folder = root.path().join("alice/c");
    std::fs::create_dir_all(folder.join("dir")).unwrap();
    std::fs::write(root.path().join("victim"), "v").unwrap();
    symlink(root.path().join("victim"), folder.join("link")).unwrap();
    for key in ["dir", "link"] {
        assert!(store.get(&alice(), key).await.is_err(), "{key}");
    }
}
