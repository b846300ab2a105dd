//! Limits from profiles, and whom they count for.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::path::Path;

use astrid_host_context::{CapsuleId, Principal, Quota, Resource, Subject};
use astrid_principals::{Principals, Quotas, Usage};

static THROUGHPUT: Resource = Resource { name: "ipc.throughput-bytes", default: 10_485_760 };
static BACKGROUND: Resource = Resource { name: "process.background", default: 8 };
static FOREGROUND: Resource = Resource { name: "process.foreground", default: 8 };
static HOME: Resource = Resource { name: "fs.home-bytes", default: u64::MAX };
static TMP: Resource = Resource { name: "fs.tmp-bytes", default: u64::MAX };
static NAMESPACE: Resource = Resource { name: "kv.namespace-bytes", default: 256 << 20 };
static OTHER: Resource = Resource { name: "io.streams", default: 3 };

fn principal(name: &str) -> Principal {
    Principal::parse(name).unwrap()
}

fn capsule(name: &str) -> CapsuleId {
    CapsuleId::parse(name).unwrap()
}

fn open(root: &Path) -> Principals {
    Principals::open(root, &principal("default"), Quotas::default(), 1000).unwrap()
}

async fn profile(of: &Principals, root: &Path, who: &Principal, text: &str) {
    std::fs::write(root.join(format!("etc/profiles/{who}.toml")), text).unwrap();
    of.changed(who).await.unwrap();
}

// principals case 17
#[tokio::test]
async fn processes_count_over_all_capsules_of_a_principal_and_a_slot_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let principals = open(root.path());
    let (alice, bob, a, b) = (principal("alice"), principal("bob"), capsule("a"), capsule("b"));
    let of_alice = |capsule| Subject { principal: Some(&alice), capsule };
    let acquire = |subject: &Subject<'_>, resource| principals.quota.acquire(subject, resource, 1);
    let mut held: Vec<_> = (0..4).map(|_| acquire(&of_alice(&a), &BACKGROUND).unwrap()).collect();
    held.extend((0..4).map(|_| acquire(&of_alice(&b), &FOREGROUND).unwrap()));
    assert_eq!(acquire(&of_alice(&b), &BACKGROUND).unwrap_err().limit, 8);
    assert!(acquire(&Subject { principal: Some(&bob), capsule: &a }, &BACKGROUND).is_ok());
    assert_eq!(principals.quota_usage(&alice), Usage { processes: 8, ..Usage::default() });
    held.pop();
    held.push(acquire(&of_alice(&a), &BACKGROUND).unwrap());
    profile(&principals, root.path(), &alice, "[quotas]\nmax_background_processes = 2\n").await;
    held.truncate(2);
    assert_eq!(acquire(&of_alice(&a), &BACKGROUND).unwrap_err().limit, 2);
    held.clear();
    assert_eq!(principals.quota.accounts(), 0);
}

// principals case 18
#[tokio::test]
async fn throughput_is_the_profiles_for_each_capsule_by_itself_and_a_change_counts_at_once() {
    let root = tempfile::tempdir().unwrap();
    let principals = open(root.path());
    let (alice, a) = (principal("alice"), capsule("a"));
    let limit = |who| principals.quota.limit(&Subject { principal: who, capsule: &a }, &THROUGHPUT);
    assert_eq!(limit(Some(&alice)), 10 << 20);
    profile(&principals, root.path(), &alice, "[quotas]\nmax_ipc_throughput_bytes = 5\n").await;
    assert_eq!((limit(Some(&alice)), limit(Some(&principal("bob"))), limit(None)), (5, 10 << 20, 10 << 20));
}

// principals case 22
#[tokio::test]
async fn nobody_gets_the_owners_quota_but_the_owner() {
    let root = tempfile::tempdir().unwrap();
    let principals = open(root.path());
    let owner = principal("default");
    profile(&principals, root.path(), &owner, "[quotas]\nmax_memory_bytes = 1073741824\n").await;
    principals.resolve(&principal("bob")).await.unwrap();
    let memory = |who: Option<&Principal>| principals.profiles.quotas(who).max_memory_bytes;
    assert_eq!(memory(Some(&owner)), 1 << 30);
    assert_eq!((memory(Some(&principal("bob"))), memory(None)), (64 << 20, 64 << 20));
}

// principals case 26
#[tokio::test]
async fn files_of_home_and_tmp_share_one_storage_quota_and_leave_keys_the_rest() {
    let root = tempfile::tempdir().unwrap();
    let principals = open(root.path());
    let (alice, a, b) = (principal("alice"), capsule("a"), capsule("b"));
    profile(&principals, root.path(), &alice, "[quotas]\nmax_storage_bytes = 1000\n").await;
    let of = |capsule| Subject { principal: Some(&alice), capsule };
    let home = principals.quota.acquire(&of(&a), &HOME, 600).unwrap();
    assert!(principals.quota.acquire(&of(&b), &TMP, 401).is_err());
    let _tmp = principals.quota.acquire(&of(&b), &TMP, 300).unwrap();
    assert_eq!(principals.quota.limit(&of(&a), &NAMESPACE), 100);
    assert_eq!(principals.quota_usage(&alice).storage_bytes, 900);
    drop(home);
    assert!(principals.quota.acquire(&of(&b), &TMP, 401).is_ok());
    let bob = principal("bob");
    let of_bob = Subject { principal: Some(&bob), capsule: &a };
    assert_eq!(principals.quota.limit(&of_bob, &NAMESPACE), 256 << 20);
    assert!(principals.quota.acquire(&of_bob, &HOME, 1 << 30).is_ok());
}

#[tokio::test]
async fn a_resource_no_profile_speaks_of_keeps_its_own_limit_for_each_capsule() {
    let root = tempfile::tempdir().unwrap();
    let principals = open(root.path());
    let (alice, a, b) = (principal("alice"), capsule("a"), capsule("b"));
    let of = |capsule| Subject { principal: Some(&alice), capsule };
    let _three = principals.quota.acquire(&of(&a), &OTHER, 3).unwrap();
    assert!(principals.quota.acquire(&of(&a), &OTHER, 1).is_err());
    assert!(principals.quota.acquire(&of(&b), &OTHER, 1).is_ok());
    assert!(principals.quota.acquire(&of(&b), &OTHER, u64::MAX).is_err());
}

#[test]
fn an_operators_limit_takes_the_place_of_a_default_and_of_no_profiles_rule() {
    let root = tempfile::tempdir().unwrap();
    let principals = open(root.path());
    let (alice, a) = (principal("alice"), capsule("a"));
    let subject = Subject { principal: Some(&alice), capsule: &a };
    principals.quota.operator_limits([(&OTHER, 1), (&THROUGHPUT, 1)]);
    let held = principals.quota.acquire(&subject, &OTHER, 1).unwrap();
    assert_eq!(principals.quota.acquire(&subject, &OTHER, 1).unwrap_err().limit, 1);
    assert_eq!(principals.quota.limit(&subject, &THROUGHPUT), 10_485_760);
    drop(held);
    principals.quota.operator_limits([(&OTHER, 9)]);
    assert_eq!(principals.quota.limit(&subject, &OTHER), 1, "once is once");
}
