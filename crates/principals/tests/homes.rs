//! Directories, and what happens to a principal as a whole.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use astrid_host_context::{Cancellation, CapsuleId, Principal, Standing};
use astrid_principals::{Principals, Quotas, RevocationHook, Tokens, Unusable};

fn principal(name: &str) -> Principal {
    Principal::parse(name).unwrap()
}

fn open(root: &Path) -> Principals {
    Principals::open(root, &principal("default"), Quotas::default(), 1000).unwrap()
}

// principals cases 20 and 21
#[tokio::test]
async fn directories_are_made_for_registered_principals_alone() {
    let root = tempfile::tempdir().unwrap();
    let principals = open(root.path());
    std::fs::write(root.path().join("etc/profiles/alice.toml"), "").unwrap();
    std::fs::write(root.path().join("etc/profiles/anonymous.toml"), "").unwrap();
    let capsule = CapsuleId::parse("notes").unwrap();
    for (name, made) in [("alice", true), ("default", true), ("ghost", false), ("anonymous", false)] {
        let who = principal(name);
        let profile = principals.resolve(&who).await.unwrap().profile;
        let home = principals.homes.home(&who, &profile).unwrap();
        let tmp = principals.homes.tmp(&who, &capsule, &profile).unwrap();
        assert_eq!((home.is_some(), tmp.is_some()), (made, made), "{name}");
        let place = root.path().join("home").join(name);
        assert_eq!(place.exists(), made, "{name}");
        if made {
            assert_eq!(tmp.unwrap(), place.join(".local/tmp/notes"));
            assert_eq!(std::fs::metadata(place).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }
}

// principals case 26
#[test]
fn scratch_directories_are_empty_after_a_start_and_nothing_else_is() {
    let root = tempfile::tempdir().unwrap();
    let keep = root.path().join("home/alice/keep");
    let tmp = root.path().join("home/alice/.local/tmp/notes");
    std::fs::create_dir_all(tmp.join("deep/er")).unwrap();
    std::fs::write(tmp.join("deep/er/file"), "x").unwrap();
    std::fs::write(&keep, "x").unwrap();
    std::os::unix::fs::symlink(&keep, tmp.join("link")).unwrap();
    std::os::unix::fs::symlink(root.path().join("home/alice"), root.path().join("home/link")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("file"), "x").unwrap();
    std::fs::create_dir_all(root.path().join("home/bob/.local")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), root.path().join("home/bob/.local/tmp")).unwrap();
    open(root.path());
    assert!(!tmp.exists() && keep.exists());
    assert!(elsewhere.path().join("file").exists(), "a link is not followed");
}

#[tokio::test]
async fn an_owner_begins_as_administrator_and_its_own_profile_is_never_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let owner = principal("default");
    assert!(open(root.path()).resolve(&owner).await.unwrap().profile.capabilities.hold("anything"));
    let profile = root.path().join("etc/profiles/default.toml");
    assert_eq!(std::fs::metadata(&profile).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&profile, "groups = []").unwrap();
    assert!(!open(root.path()).resolve(&owner).await.unwrap().profile.capabilities.hold("anything"));
}

#[test]
fn the_largest_memory_is_that_of_the_largest_profile_or_of_the_default() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(open(root.path()).largest_memory(), 64 << 20);
    let profile = |memory: u64| format!("[quotas]\nmax_memory_bytes = {memory}\n");
    std::fs::write(root.path().join("etc/profiles/alice.toml"), profile(1 << 30)).unwrap();
    std::fs::write(root.path().join("etc/profiles/bob.toml"), profile(1 << 20)).unwrap();
    std::fs::write(root.path().join("etc/profiles/broken.toml"), profile(1 << 40)).unwrap();
    assert_eq!(open(root.path()).largest_memory(), 1 << 30);
}

#[derive(Default)]
struct Processes(AtomicU64);

impl RevocationHook for Processes {
    fn revoked(&self, _: &Principal) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

// principals case 12
#[tokio::test]
async fn disabling_ends_calls_and_processes_and_enabling_again_begins_afresh() {
    let root = tempfile::tempdir().unwrap();
    let principals = open(root.path());
    let alice = principal("alice");
    let file = root.path().join("etc/profiles/alice.toml");
    std::fs::write(&file, "").unwrap();
    let tokens = Tokens::new(Cancellation::new(), principals.revocations.clone());
    let processes = Arc::new(Processes::default());
    principals.revocations.watch(&processes);
    let before = principals.resolve(&alice).await.unwrap();
    let running = tokens.of(Some(&alice), before.generation);

    std::fs::write(&file, "enabled = false").unwrap();
    assert_eq!(principals.changed(&alice).await.unwrap_err(), Unusable::Disabled(alice.clone()));
    assert_eq!((running.standing(), processes.0.load(Ordering::SeqCst)), (Standing::Retired, 1));
    assert_eq!(tokens.of(Some(&alice), before.generation).standing(), Standing::Retired);
    for _ in 0..3 {
        assert!(principals.resolve(&alice).await.is_err());
    }
    assert_eq!(processes.0.load(Ordering::SeqCst), 1, "a refused call ends nothing twice");

    std::fs::write(&file, "").unwrap();
    let again = principals.changed(&alice).await.unwrap();
    assert_eq!(tokens.of(Some(&alice), again.generation).standing(), Standing::Live);
    assert_eq!(running.standing(), Standing::Retired);
}

#[tokio::test]
async fn a_removed_principal_is_not_served_as_an_unregistered_one() {
    let root = tempfile::tempdir().unwrap();
    let principals = open(root.path());
    let alice = principal("alice");
    std::fs::write(root.path().join("etc/profiles/alice.toml"), "").unwrap();
    principals.resolve(&alice).await.unwrap();
    std::fs::remove_file(root.path().join("etc/profiles/alice.toml")).unwrap();
    principals.remove(&alice);
    assert!(principals.resolve(&alice).await.is_err() && principals.changed(&alice).await.is_err());
    principals.revocations.readmit(&alice);
    assert!(principals.resolve(&alice).await.is_ok());
}
