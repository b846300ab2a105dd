//! `get-config`: order of sources, reserved keys, secrets.

use std::collections::HashMap;
use std::sync::Arc;

use crate::common::state;
use astrid_host_context::{CapsuleId, Principal, Refusal, Scope};
use astrid_host_sys::{
    BoxFuture, EnvOverlay, Error, FileSecrets, MemorySecrets, Overlays, SecretError, SecretScope,
    SecretStore, SecretValue, SysCtx, SysView, arms, render,
};
use astrid_host_testkit::FakeHost;

fn scope(principal: Option<&str>) -> SecretScope {
    let principal = principal.and_then(|name| Principal::parse(name).ok());
    #[expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]
    SecretScope { principal, capsule: CapsuleId::parse("fake").unwrap() }
}

fn overlay(all: &Overlays, principal: &str, key: &str, value: &str) {
    let SecretScope { principal, capsule } = scope(Some(principal));
    all.set(&Scope { principal, capsule }, HashMap::from([(key.to_owned(), value.to_owned())]));
}

/// Fails for one principal, or never answers.
struct Broken {
    hangs: bool,
    rest: MemorySecrets,
}

impl SecretStore for Broken {
    fn get<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<SecretValue>, SecretError>> {
        if scope.principal.is_none() {
            return self.rest.get(scope, key);
        }
        Box::pin(async {
            if self.hangs {
                std::future::pending::<()>().await;
            }
            Err(SecretError("/secret/path of alice is broken".to_owned()))
        })
    }
    fn set<'a>(
        &'a self,
        scope: &'a SecretScope,
        key: &'a str,
        value: SecretValue,
    ) -> BoxFuture<'a, Result<(), SecretError>> {
        self.rest.set(scope, key, value)
    }
    fn exists<'a>(&'a self, s: &'a SecretScope, k: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        self.rest.exists(s, k)
    }
    fn delete<'a>(&'a self, s: &'a SecretScope, k: &'a str) -> BoxFuture<'a, Result<(), SecretError>> {
        self.rest.delete(s, k)
    }
    fn clear<'a>(&'a self, s: &'a SecretScope) -> BoxFuture<'a, Result<(), SecretError>> {
        self.rest.clear(s)
    }
}

// sys case 1
#[tokio::test]
async fn text_reads_without_quotes_other_values_as_compact_json_and_absence_as_none() {
    let values = serde_json::json!({"base_url": "https://d", "n": 3, "on": true, "list": ["a"], "empty": ""});
    let mut ctx = SysCtx::builder();
    for (key, value) in values.as_object().unwrap() {
        ctx = ctx.config(key, render(value).unwrap());
    }
    let mut state = state(FakeHost::builder(), ctx);
    let wanted = [("base_url", "https://d"), ("n", "3"), ("on", "true"), ("list", "[\"a\"]"), ("empty", "")];
    for (key, value) in wanted {
        assert_eq!(state.sys().get_config(key).await.unwrap().as_deref(), Some(value));
    }
    for key in ["missing", "", "a\nb", &"x".repeat(257)] {
        assert_eq!(state.sys().get_config(key).await.unwrap(), None);
    }
}

// sys cases 2 and 3
#[tokio::test]
async fn an_overlay_counts_for_its_principal_alone_and_from_the_next_call() {
    let all = Arc::new(Overlays::new());
    overlay(&all, "alice", "base_url", "http://l");
    overlay(&all, "default", "base_url", "http://o");
    let ctx = SysCtx::builder().config("base_url", "https://d").config("n", "3").overlay(all.clone());
    let mut state = state(FakeHost::builder(), ctx);
    for (principal, value) in [("alice", "http://l"), ("bob", "https://d"), ("default", "http://o")] {
        state.fake.serve(principal);
        assert_eq!(state.sys().get_config("base_url").await.unwrap().as_deref(), Some(value));
        assert_eq!(state.sys().get_config("n").await.unwrap().as_deref(), Some("3"));
    }
    overlay(&all, "default", "base_url", "http://new");
    assert_eq!(state.sys().get_config("base_url").await.unwrap().as_deref(), Some("http://new"));
}

// sys case 4
#[tokio::test]
async fn reserved_keys_are_refused_and_the_socket_path_is_only_the_hosts() {
    let all = Arc::new(Overlays::new());
    overlay(&all, "alice", "ASTRID_SOCKET_PATH", "/evil");
    let ctx = SysCtx::builder().overlay(all.clone()).socket_path("/run/s");
    let mut with = state(FakeHost::builder(), ctx);
    for key in ["__env:x", "astrid.internal.k", "ASTRID_KEYS"] {
        let error = with.sys().get_config(key).await.unwrap_err();
        assert_eq!(arms::V1_0::from(&error), arms::V1_0::ConfigKeyReserved);
    }
    assert_eq!(with.sys().get_config("ASTRID_SOCKET_PATH").await.unwrap().as_deref(), Some("/run/s"));
    let mut without = state(FakeHost::builder(), SysCtx::builder().overlay(all));
    assert_eq!(without.sys().get_config("ASTRID_SOCKET_PATH").await.unwrap(), None);
}

#[tokio::test]
async fn a_pinned_key_reads_as_the_kernel_says_whatever_is_stored_under_its_name() {
    let (all, secrets) = (Arc::new(Overlays::new()), Arc::new(MemorySecrets::new()));
    for key in ["said", "absent"] {
        overlay(&all, "alice", key, "overlay");
    }
    let ctx = SysCtx::builder().overlay(all).secrets(secrets).secret_key("said").config("absent", "manifest");
    let ctx =
        ctx.pin("said", Some("1.0.0".to_owned())).pin("absent", None).pin("__reserved", Some("x".to_owned()));
    let mut state = state(FakeHost::builder(), ctx);
    state.fake.serve("alice");
    assert_eq!(state.sys().get_config("said").await.unwrap().as_deref(), Some("1.0.0"));
    assert_eq!(state.sys().get_config("absent").await.unwrap(), None);
    let reserved = state.sys().get_config("__reserved").await.unwrap_err();
    assert_eq!(arms::V1_0::from(&reserved), arms::V1_0::ConfigKeyReserved);
}

// sys cases 5, 6, 8 and 9
#[tokio::test]
async fn a_secret_is_the_principals_own_or_the_hosts_and_comes_from_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn SecretStore>; 2] =
        [Arc::new(MemorySecrets::new()), Arc::new(FileSecrets::new(folder.path().join("secrets")))];
    for store in stores {
        let all = Arc::new(Overlays::new());
        overlay(&all, "bob", "api_key", "overlay");
        let ctx = SysCtx::builder()
            .secret_key("api_key")
            .config("api_key", "manifest")
            .overlay(all)
            .secrets(store.clone());
        let mut state = state(FakeHost::builder(), ctx);
        for (who, value) in [(Some("alice"), "A"), (Some("default"), "D"), (Some("carol"), "")] {
            store.set(&scope(who), "api_key", value.to_owned().into()).await.unwrap();
        }
        let mut seen = Vec::new();
        for shared in [false, true] {
            if shared {
                store.set(&scope(None), "api_key", "S".to_owned().into()).await.unwrap();
            }
            for who in ["alice", "bob", "default", "carol"] {
                state.fake.serve(who);
                seen.push(state.sys().get_config("api_key").await.unwrap());
            }
        }
        let seen: Vec<_> = seen.iter().map(Option::as_deref).collect();
        let (a, d, empty) = (Some("A"), Some("D"), Some(""));
        assert_eq!(seen, [a, None, d, empty, a, Some("S"), d, empty]);
        state.fake.set_call(|call| call.no_principal());
        assert_eq!(state.sys().get_config("api_key").await.unwrap(), None);
    }
}

// sys cases 7 and 41
#[tokio::test(start_paused = true)]
async fn a_failing_or_hanging_store_is_unavailable_within_two_seconds_and_not_the_shared_secret() {
    for hangs in [false, true] {
        let store = Arc::new(Broken { hangs, rest: MemorySecrets::new() });
        store.set(&scope(None), "api_key", "S".to_owned().into()).await.unwrap();
        let ctx = SysCtx::builder().secret_key("api_key").secrets(store);
        let mut state = state(FakeHost::builder(), ctx);
        let started = tokio::time::Instant::now();
        let error = state.sys().get_config("api_key").await.unwrap_err();
        assert_eq!(arms::V1_0::from(&error), arms::V1_0::Unknown("secret store unavailable"));
        assert!(started.elapsed().as_millis() <= 2100);
    }
}

// sys cases 10 and 13
#[tokio::test]
async fn without_authority_nothing_is_answered() {
    let mut state = state(FakeHost::builder(), SysCtx::builder().config("n", "3"));
    state.fake.set_call(|call| call.without_authority());
    assert!(matches!(state.sys().get_config("n").await, Err(Error::Refused(Refusal::Retired))));
    state.fake.set_call(|_| FakeHost::builder().build().call().to_builder());
    assert_eq!(state.sys().get_config("n").await.unwrap().as_deref(), Some("3"));
    state.fake.cancellation().retire();
    for key in ["n", "missing", "__x", ""] {
        let error = state.sys().get_config(key).await.unwrap_err();
        assert_eq!(arms::V1_0::from(&error), arms::V1_0::CapabilityDenied);
    }
}

/// Counts how often it was brought up to date, and holds that number.
#[derive(Default)]
struct Counting(std::sync::atomic::AtomicU32);

impl EnvOverlay for Counting {
    fn get(&self, _: &Scope, _: &str) -> Option<String> {
        Some(self.0.load(std::sync::atomic::Ordering::SeqCst).to_string())
    }

    fn refresh<'a>(&'a self, _: &'a Scope) -> Option<BoxFuture<'a, ()>> {
        Some(Box::pin(async {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }))
    }
}

// sys case 2, principals case 8
#[tokio::test]
async fn an_overlay_is_looked_at_once_an_invocation_and_only_if_it_is_asked() {
    let counting = Arc::new(Counting::default());
    let looked = || counting.0.load(std::sync::atomic::Ordering::SeqCst);
    let ctx = SysCtx::builder().overlay(counting.clone()).secret_key("secret");
    let mut host = state(FakeHost::builder().principal("alice"), ctx);
    host.fake.set_call(|call| call.invocation(7));
    host.sys().get_config("secret").await.unwrap();
    host.sys().get_config("ASTRID_SOCKET_PATH").await.unwrap();
    assert_eq!(looked(), 0);
    for _ in 0..3 {
        assert_eq!(host.sys().get_config("k").await.unwrap().unwrap(), "1");
    }
    host.fake.set_call(|call| call.invocation(8));
    assert_eq!(host.sys().get_config("k").await.unwrap().unwrap(), "2");
    host.fake.set_call(|call| call.invocation(0));
    host.sys().get_config("k").await.unwrap();
    host.sys().get_config("k").await.unwrap();
    assert_eq!(looked(), 4, "calls without a number are each their own");
}

/// Answers when it is told to.
#[derive(Default)]
struct Slow {
    asked: tokio::sync::Notify,
    answer: tokio::sync::Notify,
}

impl SecretStore for Slow {
    fn get<'a>(
        &'a self,
        _: &'a SecretScope,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<SecretValue>, SecretError>> {
        Box::pin(async {
            self.asked.notify_one();
            self.answer.notified().await;
            Ok(Some("A".to_owned().into()))
        })
    }
    fn set<'a>(
        &'a self,
        _: &'a SecretScope,
        _: &'a str,
        _: SecretValue,
    ) -> BoxFuture<'a, Result<(), SecretError>> {
        Box::pin(async { Err(SecretError("read only".to_owned())) })
    }
    fn exists<'a>(&'a self, _: &'a SecretScope, _: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        Box::pin(async { Ok(true) })
    }
    fn delete<'a>(&'a self, _: &'a SecretScope, _: &'a str) -> BoxFuture<'a, Result<(), SecretError>> {
        Box::pin(async { Err(SecretError("read only".to_owned())) })
    }
    fn clear<'a>(&'a self, _: &'a SecretScope) -> BoxFuture<'a, Result<(), SecretError>> {
        Box::pin(async { Err(SecretError("read only".to_owned())) })
    }
}

// sys cases 7 and 10
#[tokio::test(start_paused = true)]
async fn a_secret_that_is_being_read_at_retirement_is_read_to_the_end_and_delays_nobody_else() {
    let store = Arc::new(Slow::default());
    let ctx = SysCtx::builder().secret_key("api_key").secrets(store.clone());
    let mut alice = state(FakeHost::builder().principal("alice"), ctx);
    let token = alice.fake.cancellation();
    let mut bob = state(FakeHost::builder().principal("bob"), SysCtx::builder().config("n", "3"));
    let mut view = alice.sys();
    let (read, ()) = tokio::join!(view.get_config("api_key"), async {
        store.asked.notified().await;
        token.retire();
        let started = tokio::time::Instant::now();
        assert_eq!(bob.sys().get_config("n").await.unwrap().as_deref(), Some("3"));
        assert_eq!(started.elapsed(), std::time::Duration::ZERO);
        store.answer.notify_one();
    });
    assert_eq!(read.unwrap().as_deref(), Some("A"));
    assert!(alice.sys().get_config("api_key").await.is_err(), "the next one is refused");
}
