//! When a profile is read, and what is never served.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use astrid_host_context::Principal;
use astrid_principals::{Found, ProfileCache, ProfileFiles, ProfileSource, Quotas, Stamp, Unusable};

fn principal(name: &str) -> Principal {
    Principal::parse(name).unwrap()
}

struct Fixture {
    dir: tempfile::TempDir,
    cache: Arc<ProfileCache>,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("etc/profiles")).unwrap();
        let cache = Arc::new(ProfileCache::new(ProfileFiles::open(dir.path()).unwrap(), Quotas::default()));
        Self { dir, cache }
    }

    fn path(&self, who: &str) -> PathBuf {
        self.dir.path().join(format!("etc/profiles/{who}.toml"))
    }

    fn write(&self, who: &str, text: &str) {
        std::fs::write(self.path(who), text).unwrap();
    }

    async fn timeout(&self, who: &str) -> Result<u64, String> {
        let found = self.cache.resolve(&principal(who)).await;
        found.map(|found| found.profile.quotas.max_timeout_secs).map_err(|error| error.to_string())
    }
}

async fn second() {
    tokio::time::advance(Duration::from_millis(1001)).await;
}

// principals case 10
#[tokio::test(start_paused = true)]
async fn a_malformed_profile_refuses_its_principal_alone_until_the_file_is_right() {
    let on = Fixture::new();
    on.write("alice", "[quotas]\nmax_memory_byte = 1\n");
    on.write("bob", "[quotas]\nmax_timeout_secs = 5\n");
    let said = on.timeout("alice").await.unwrap_err();
    let start = "profile of 'alice' is invalid: etc/profiles/alice.toml: [quotas.max_memory_byte] is not a \
                 known key, did you mean max_memory_bytes; allowed: ";
    assert!(said.starts_with(start), "{said}");
    assert_eq!(on.timeout("bob").await, Ok(5));
    on.write("alice", "[quotas]\nmax_timeout_secs = 7\n");
    assert!(on.timeout("alice").await.is_err(), "looked at once a second");
    second().await;
    assert_eq!(on.timeout("alice").await, Ok(7));
}

// principals case 21
#[tokio::test(start_paused = true)]
async fn no_file_is_the_default_profile_and_disabled_is_its_own_answer() {
    let on = Fixture::new();
    let ghost = on.cache.resolve(&principal("ghost")).await.unwrap();
    assert!(!ghost.profile.registered && ghost.profile.quotas == Quotas::default());
    assert!(!ghost.profile.capabilities.hold("self:quota:get"));
    on.write("alice", "enabled = false");
    assert_eq!(on.timeout("alice").await, Err("principal 'alice' is disabled".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_file_others_may_write_or_a_link_or_one_too_long_is_malformed() {
    let on = Fixture::new();
    on.write("open", "");
    std::fs::set_permissions(on.path("open"), std::fs::Permissions::from_mode(0o666)).unwrap();
    on.write("target", "");
    std::os::unix::fs::symlink(on.path("target"), on.path("link")).unwrap();
    on.write("long", &" ".repeat(65_537));
    on.write("bytes", "");
    std::fs::write(on.path("bytes"), [0xff, 0xfe]).unwrap();
    std::fs::create_dir(on.path("folder")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        on.path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    for (who, says) in [
        ("open", "can be written by others"),
        ("link", ""),
        ("long", "allowed: up to 65536"),
        ("bytes", "is not UTF-8 text"),
        ("folder", "is not a plain file"),
        ("pipe", "is not a plain file"),
    ] {
        let said = on.timeout(who).await.unwrap_err();
        assert!(said.starts_with(&format!("profile of '{who}' is invalid")) && said.contains(says), "{said}");
        assert!(!said.contains(on.dir.path().to_str().unwrap()), "{said}");
    }
    on.write("long", &" ".repeat(65_536));
    second().await;
    assert_eq!(on.timeout("long").await, Ok(300));
}

#[tokio::test(start_paused = true)]
async fn a_changed_groups_file_counts_for_profiles_that_did_not_change() {
    let on = Fixture::new();
    on.write("alice", "groups = [\"ops\"]");
    let holds =
        async || on.cache.resolve(&principal("alice")).await.unwrap().profile.capabilities.hold("a:b");
    assert!(!holds().await);
    let groups = on.dir.path().join("etc/groups.toml");
    std::fs::write(&groups, "[groups.ops]\ncapabilities = [\"a:*\"]").unwrap();
    second().await;
    assert!(holds().await);
    // principals case 28
    std::fs::write(&groups, "[groups.ops]\ncapabilities = [\"a:*\", \"*\"]").unwrap();
    second().await;
    assert!(!holds().await, "a rejected file leaves the built-in groups alone");
}

#[tokio::test(start_paused = true)]
async fn an_answer_within_the_second_reads_nothing_and_an_unchanged_file_is_not_read_again() {
    let source = Arc::new(Counting::default());
    let cache = Arc::new(ProfileCache::new(Shared(source.clone()), Quotas::default()));
    let alice = principal("alice");
    for _ in 0..10 {
        cache.resolve(&alice).await.unwrap();
    }
    assert_eq!((source.looks.load(Ordering::SeqCst), source.reads.load(Ordering::SeqCst)), (1, 1));
    second().await;
    cache.resolve(&alice).await.unwrap();
    assert_eq!((source.looks.load(Ordering::SeqCst), source.reads.load(Ordering::SeqCst)), (2, 1));
    cache.invalidate(&alice);
    cache.resolve(&alice).await.unwrap();
    assert_eq!(source.reads.load(Ordering::SeqCst), 2);
}

// principals case 27
#[test]
fn invented_names_do_not_fill_the_cache_and_push_out_nobody_with_a_profile() {
    let on = Fixture::new();
    on.write("alice", "[quotas]\nmax_timeout_secs = 5\n");
    on.cache.lookup(&principal("alice")).unwrap();
    for n in 0..10_000 {
        on.cache.lookup(&principal(&format!("p{n}"))).unwrap();
        assert!(on.cache.len() <= 4096);
    }
    assert!(on.cache.remembered(&principal("alice")).is_some());
}

// principals case 30
#[test]
fn a_lookup_after_an_invalidation_never_sees_what_was_there_before_it() {
    let source = Arc::new(Slow::default());
    let cache = Arc::new(ProfileCache::new(Shared(source.clone()), Quotas::default()));
    let alice = principal("alice");
    for trial in 1..=1000 {
        source.timeout.store(trial, Ordering::SeqCst);
        cache.invalidate(&alice);
        std::thread::scope(|scope| {
            source.slow.store(true, Ordering::SeqCst);
            let slow = scope.spawn(|| cache.lookup(&alice));
            source.began.wait();
            // The slow load holds the old text now; the operator writes and invalidates.
            source.timeout.store(trial + 1, Ordering::SeqCst);
            cache.invalidate(&alice);
            source.go_on.wait();
            slow.join().unwrap().unwrap();
        });
        let after = cache.lookup(&alice).unwrap().profile.quotas.max_timeout_secs;
        assert_eq!(after, trial + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_revoked_in_the_middle_of_a_lookup_is_told_from_who_is_not() {
    let on = Fixture::new();
    let alice = principal("alice");
    let before = on.cache.resolve(&alice).await.unwrap().generation;
    let begun = on.cache.invalidate(&alice);
    let after = on.cache.resolve(&alice).await.unwrap().generation;
    assert!(before < begun && after >= begun);
    assert_eq!(Unusable::Disabled(alice).to_string(), "principal 'alice' is disabled");
}

struct Shared<T>(Arc<T>);

impl<T: ProfileSource> ProfileSource for Shared<T> {
    fn stamp(&self, who: &Principal) -> Stamp {
        self.0.stamp(who)
    }
    fn profile(&self, who: &Principal) -> Found {
        self.0.profile(who)
    }
    fn groups_stamp(&self) -> Stamp {
        self.0.groups_stamp()
    }
    fn groups(&self) -> Found {
        self.0.groups()
    }
}

#[derive(Default)]
struct Counting {
    looks: AtomicU64,
    reads: AtomicU64,
}

impl ProfileSource for Counting {
    fn stamp(&self, _: &Principal) -> Stamp {
        self.looks.fetch_add(1, Ordering::SeqCst);
        Stamp::version(1)
    }
    fn profile(&self, _: &Principal) -> Found {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(Some(String::new()))
    }
    fn groups_stamp(&self) -> Stamp {
        Stamp::ABSENT
    }
    fn groups(&self) -> Found {
        Ok(None)
    }
}

/// Its next load waits between reading the text and giving it out.
struct Slow {
    timeout: AtomicU64,
    slow: std::sync::atomic::AtomicBool,
    began: Barrier,
    go_on: Barrier,
}

impl Default for Slow {
    fn default() -> Self {
        Self {
            timeout: AtomicU64::new(1),
            slow: false.into(),
            began: Barrier::new(2),
            go_on: Barrier::new(2),
        }
    }
}

impl ProfileSource for Slow {
    fn stamp(&self, _: &Principal) -> Stamp {
        Stamp::version(self.timeout.load(Ordering::SeqCst))
    }
    fn profile(&self, _: &Principal) -> Found {
        let text = format!("[quotas]\nmax_timeout_secs = {}\n", self.timeout.load(Ordering::SeqCst));
        if self.slow.swap(false, Ordering::SeqCst) {
            self.began.wait();
            self.go_on.wait();
        }
        Ok(Some(text))
    }
    fn groups_stamp(&self) -> Stamp {
        Stamp::ABSENT
    }
    fn groups(&self) -> Found {
        Ok(None)
    }
}
