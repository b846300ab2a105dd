//! What profiles and overlays decide about calls of a real guest.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::support::{Place, ask, call, guest};
use astrid_capsule::{Capsule, HandlerResult, Invoker, Runtime, Usage};
use astrid_event_bus::{AccessPattern, Charset};
use astrid_host_context::{Attribution, Caller, Provenance, Trail};
use serde_json::{Value, json};

/// For what is to come, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

fn profile(place: &Place, who: &str, text: &str) {
    place.profile(who, text);
}

fn overlay(place: &Place, who: &str, values: &Value) {
    place.overlay(who, "probe", values);
}

async fn probe(place: &Place) -> (Runtime, Arc<dyn Capsule>) {
    let runtime = place.runtime().await;
    let env = "[env.base_url]\ndefault = \"https://api.openai.com\"\n";
    let c = runtime
        .load(place.capsule("probe", &guest("probe"), &crate::support::probe_manifest_with(env)))
        .await;
    (runtime, c.unwrap())
}

fn deny(reason: &str) -> HandlerResult {
    HandlerResult::Deny { reason: reason.to_owned() }
}

async fn base_url(c: &Arc<dyn Capsule>, who: &str) -> Value {
    ask(c, who, "config", json!({ "key": "base_url" })).await.get("ok").unwrap().clone()
}

fn lines(home: &Path, who: &str) -> usize {
    let Ok(files) = std::fs::read_dir(home.join(format!("home/{who}/.local/log/probe"))) else { return 0 };
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap().lines().count()).sum()
}

// principals case 10
#[tokio::test]
async fn a_malformed_profile_denies_its_principal_alone_and_a_right_one_counts_within_a_second() {
    let place = Place::new();
    profile(&place, "alice", "[quotas]\nmax_memory_byte = 1\n");
    let (runtime, c) = probe(&place).await;
    let HandlerResult::Deny { reason } = call(&c, "alice", "noop", json!({})).await else { unreachable!() };
    assert!(reason.starts_with("profile of 'alice' is invalid: etc/profiles/alice.toml: "), "{reason}");
    assert!(reason.contains("[quotas.max_memory_byte]") && reason.contains("did you mean max_memory_bytes"));
    assert_eq!(call(&c, "bob", "noop", json!({})).await, HandlerResult::Continue("".into()));
    profile(&place, "alice", "");
    // That a file is looked at again after a second is the cache's test in paused time; here, that calls ask it.
    let start = Instant::now();
    while call(&c, "alice", "noop", json!({})).await != HandlerResult::Continue("".into()) {
        assert!(start.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    runtime.shutdown().await;
}

// principals case 11
#[tokio::test]
async fn a_deadline_of_zero_is_malformed_and_one_of_a_second_ends_a_spinning_handler() {
    let place = Place::new();
    profile(&place, "alice", "[quotas]\nmax_timeout_secs = 0\n");
    profile(&place, "bob", "[quotas]\nmax_timeout_secs = 1\nmax_cpu_fuel_per_sec = 0\n");
    let (_runtime, c) = probe(&place).await;
    let HandlerResult::Deny { reason } = call(&c, "alice", "noop", json!({})).await else { unreachable!() };
    assert!(reason.ends_with("[quotas.max_timeout_secs] is 0; allowed: 1..=86400"), "{reason}");
    let spun = call(&c, "bob", "spin", json!({})).await;
    assert_eq!(spun, deny("interceptor exceeded its deadline of 1s"));
    // Of calls that need a fresh instance one may pass its second on a busy machine, and not one after the other.
    let mut next = deny("");
    for _ in 0..10 {
        next = call(&c, "bob", "noop", json!({})).await;
        if next == HandlerResult::Continue("".into()) {
            break;
        }
    }
    assert_eq!(next, HandlerResult::Continue("".into()));
}

// principals case 12
#[tokio::test]
async fn disabling_ends_a_running_call_and_refuses_new_ones_until_enabled_again() {
    let place = Place::new();
    profile(&place, "alice", "");
    let (runtime, c) = probe(&place).await;
    ask(&c, "alice", "marker", json!({ "set": 7 })).await;
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let waiting = {
        let c = c.clone();
        let input = json!({ "topic": "probe.v1.in.x", "timeout": 60_000 });
        tokio::spawn(async move { call(&c, "alice", "recv-then-caller", input).await })
    };
    listening.recv().await.unwrap();
    profile(&place, "alice", "enabled = false\n");
    // From here on time passes only where somebody waits for it, so what else the machine does counts for nothing.
    tokio::time::pause();
    let told = tokio::time::Instant::now();
    assert!(runtime.principal_changed("alice").await.unwrap().is_err());
    assert_eq!(waiting.await.unwrap(), deny("principal 'alice' is disabled"));
    assert!(told.elapsed() < Duration::from_millis(200), "{:?}", told.elapsed());
    tokio::time::resume();
    assert_eq!(call(&c, "alice", "noop", json!({})).await, deny("principal 'alice' is disabled"));
    assert_eq!(call(&c, "bob", "noop", json!({})).await, HandlerResult::Continue("".into()));
    profile(&place, "alice", "");
    assert!(runtime.principal_changed("alice").await.unwrap().is_ok());
    assert_eq!(ask(&c, "alice", "marker", json!({ "set": 1 })).await, 0, "her instances are gone");
}

#[tokio::test]
async fn a_removed_principal_is_refused_until_it_is_readmitted() {
    let place = Place::new();
    let (runtime, c) = probe(&place).await;
    runtime.remove_principal("alice").await.unwrap();
    assert_eq!(call(&c, "alice", "noop", json!({})).await, deny("principal 'alice' is disabled"));
    runtime.readmit_principal("alice").unwrap();
    assert_eq!(call(&c, "alice", "noop", json!({})).await, HandlerResult::Continue("".into()));
}

// principals cases 13 and 22
#[tokio::test]
async fn memory_is_the_invoking_principals_and_the_owners_only_for_calls_of_nobody() {
    let place = Place::new();
    profile(&place, "alice", "[quotas]\nmax_memory_bytes = 16777216\n");
    profile(&place, "default", "groups = [\"admin\"]\n[quotas]\nmax_memory_bytes = 1073741824\n");
    let (runtime, c) = probe(&place).await;
    let mib_32 = json!({ "pages": 512 });
    assert_eq!(ask(&c, "alice", "grow", mib_32.clone()).await, -1);
    assert!(ask(&c, "bob", "grow", mib_32).await.as_i64().unwrap() > 0);
    let mib_128 = json!({ "pages": 2048 });
    assert_eq!(ask(&c, "bob", "grow", mib_128.clone()).await, -1);
    let event = c.invoke_interceptor("grow", mib_128.to_string().into(), None).await.unwrap();
    let HandlerResult::Final(grown) = event else { unreachable!() };
    assert_ne!(&*grown, b"-1");
    let peak = async |who| runtime.quota_usage(who).await.unwrap().mem_peak;
    assert!(peak("bob").await > 32 << 20 && peak("alice").await < 16 << 20);
    assert!(peak("default").await > 128 << 20);
}

// principals §6
#[tokio::test]
async fn what_a_principal_uses_is_counted_for_it_alone() {
    let place = Place::new();
    let (runtime, c) = probe(&place).await;
    ask(&c, "alice", "set", json!({ "key": "key", "value": "value" })).await;
    let said = json!({ "topic": "probe.v1.said", "payload": { "text": "x".repeat(4000) } });
    ask(&c, "alice", "publish", said).await;
    let usage = runtime.quota_usage("alice").await.unwrap();
    assert!(usage.fuel_total > 0 && usage.mem_peak > 0, "{usage:?}");
    assert_eq!((usage.storage_bytes, usage.in_flight, usage.processes), (8, 0, 0));
    // It refills while the test runs, but not by two seconds' worth at once.
    assert!(usage.ipc_window <= 4100, "{usage:?}");
    assert_eq!(runtime.quota_usage("bob").await.unwrap(), Usage::default());
    assert!(runtime.quota_usage("a b").await.is_err());
}

// principals case 12
#[tokio::test]
async fn disabling_by_an_edit_that_nobody_told_of_ends_a_running_call_too() {
    let place = Place::new();
    profile(&place, "alice", "");
    let (runtime, c) = probe(&place).await;
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let waiting = {
        let c = c.clone();
        let input = json!({ "topic": "probe.v1.in.x", "timeout": 60_000 });
        tokio::spawn(async move { call(&c, "alice", "recv-then-caller", input).await })
    };
    listening.recv().await.unwrap();
    profile(&place, "alice", "enabled = false\n");
    let answer = tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert_eq!(answer, deny("principal 'alice' is disabled"));
}

// principals case 8, sys case 2
#[tokio::test]
async fn an_overlay_counts_for_its_principal_from_the_next_call_without_a_reload() {
    let place = Place::new();
    let (_runtime, c) = probe(&place).await;
    overlay(&place, "alice", &json!({ "base_url": "http://localhost:1234" }));
    assert_eq!(base_url(&c, "alice").await, "http://localhost:1234");
    assert_eq!(base_url(&c, "bob").await, "https://api.openai.com");
    overlay(&place, "alice", &json!({ "base_url": "http://localhost:9999" }));
    assert_eq!(base_url(&c, "alice").await, "http://localhost:9999");
    overlay(&place, "alice", &json!([]));
    assert_eq!(base_url(&c, "alice").await, "https://api.openai.com");
}

// principals case 7, sys case 39
#[tokio::test]
async fn after_a_trap_of_alice_nothing_of_hers_is_there_for_bob() {
    let place = Place::new();
    for who in ["alice", "bob"] {
        profile(&place, who, "");
    }
    let (runtime, c) = probe(&place).await;
    overlay(&place, "alice", &json!({ "base_url": "http://alice" }));
    for round in 0..5 {
        ask(&c, "alice", "marker", json!({ "set": 41 })).await;
        call(&c, "alice", "log", json!({ "text": "hers" })).await;
        assert_eq!(call(&c, "alice", "trap", json!({})).await, deny("interceptor trapped: unreachable"));
        assert_eq!(base_url(&c, "bob").await, "https://api.openai.com");
        assert_ne!(ask(&c, "bob", "marker", json!({ "set": round })).await, 41);
        let caller = ask(&c, "bob", "caller", json!({})).await;
        assert_eq!(caller.pointer("/ok/0").unwrap(), "bob");
        call(&c, "bob", "log", json!({ "text": "his" })).await;
    }
    runtime.shutdown().await;
    assert_eq!((lines(&place.home(), "alice"), lines(&place.home(), "bob")), (5, 5));
}

// principals cases 4 and 27, sys case 40
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interleaved_calls_of_many_principals_never_see_one_anothers_overlay_log_or_name() {
    let place = Place::new();
    let people: Vec<_> = (0..20).map(|n| format!("p{n}")).collect();
    for who in &people {
        profile(&place, who, "");
        overlay(&place, who, &json!({ "base_url": who }));
    }
    let (runtime, c) = probe(&place).await;
    // Room for all of them: who is slow to read is no part of the test.
    let pattern = AccessPattern::parse("probe.v1.said", Charset::Token).unwrap();
    let mut said = runtime.bus().observe_with_capacity(pattern, 2048);
    let tasks: Vec<_> = people
        .iter()
        .cloned()
        .map(|who| {
            let c = c.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    assert_eq!(base_url(&c, &who).await, json!(who));
                    let caller = ask(&c, &who, "caller", json!({})).await;
                    assert_eq!(caller.pointer("/ok/0").unwrap(), &json!(who));
                    call(&c, &who, "log", json!({ "text": who })).await;
                    let published = json!({ "topic": "probe.v1.said", "payload": { "who": who } });
                    assert_eq!(ask(&c, &who, "publish", published).await, json!({ "ok": null }));
                }
            })
        })
        .collect();
    for _ in 0..people.len() * 50 {
        let message = said.recv().await.unwrap();
        let payload: Value = serde_json::from_slice(message.payload().bytes()).unwrap();
        assert_eq!(payload.get("who").unwrap(), message.authority().unwrap().as_str());
    }
    for task in tasks {
        task.await.unwrap();
    }
    runtime.shutdown().await;
    for who in &people {
        assert_eq!(lines(&place.home(), who), 50, "{who}");
    }
}

// principals case 19
#[tokio::test]
async fn a_name_that_is_none_is_rejected_and_never_served_as_the_owner() {
    let place = Place::new();
    let (runtime, c) = probe(&place).await;
    for name in ["../x", "", &"x".repeat(65), "ali ce"] {
        assert!(runtime.publish("probe.v1.set", "{}", Some(name)).await.is_err(), "{name:?}");
    }
    // A message that names somebody and gives nobody's authority: no publisher can make one.
    for attribution in [Attribution::Verified, Attribution::Claimed] {
        let provenance = Provenance::of(attribution("alice".parse().unwrap()));
        let at = SystemTime::now();
        let caller =
            Caller { provenance, source: astrid_host_context::Uuid::nil(), at, trail: Trail::default() };
        let invoker = Invoker { caller: Arc::new(caller), authority: None };
        let set = json!({ "key": "k", "value": "stolen" }).to_string().into();
        let answer = c.invoke_interceptor("set", set, Some(&invoker)).await.unwrap();
        assert_eq!(answer, deny("invalid principal"));
    }
    assert_eq!(ask(&c, "default", "get", json!({ "key": "k" })).await, json!({ "ok": null }));
}

// principals cases 20 and 21, sys case 17
#[tokio::test]
async fn who_is_not_registered_is_served_and_leaves_no_directory() {
    let place = Place::new();
    profile(&place, "alice", "");
    let (runtime, c) = probe(&place).await;
    for who in ["anonymous", "ghost", "alice"] {
        ask(&c, who, "set", json!({ "key": "k", "value": who })).await;
        assert_eq!(ask(&c, who, "get", json!({ "key": "k" })).await, json!({ "ok": who }));
        call(&c, who, "log", json!({ "text": "x" })).await;
    }
    runtime.shutdown().await;
    let exists = |who: &str| place.home().join("home").join(who).exists();
    assert_eq!(["anonymous", "ghost", "alice", "default"].map(exists), [false, false, true, true]);
}

// principals case 14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_beyond_a_principals_places_wait_their_turn_and_all_complete() {
    let place = Place::new();
    // Fuel enough that nobody waits for a share of it.
    profile(&place, "alice", "[quotas]\nmax_in_flight_calls = 1\nmax_cpu_fuel_per_sec = 1000000000000\n");
    let (runtime, c) = probe(&place).await;
    let sleeping: Vec<_> = (0..6)
        .map(|_| {
            let c = c.clone();
            tokio::spawn(async move { ask(&c, "alice", "sleep", json!({ "ns": 2_000_000_000_u64 })).await })
        })
        .collect();
    let start = Instant::now();
    for task in sleeping {
        assert_eq!(task.await.unwrap(), json!({ "ok": null }));
    }
    // One after the other they would take twelve seconds: a call that waits has no place.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(runtime.quota_usage("alice").await.unwrap().in_flight, 0);
}

// principals case 26, kv case 53
#[tokio::test]
async fn what_a_principal_may_store_is_its_profiles_and_a_change_counts_at_once() {
    let place = Place::new();
    profile(&place, "alice", "[quotas]\nmax_storage_bytes = 100\n");
    let (runtime, c) = probe(&place).await;
    let set = |length: usize| json!({ "key": "k", "value": "x".repeat(length) });
    assert_eq!(ask(&c, "alice", "set", set(99)).await, json!({ "ok": null }));
    let over = ask(&c, "alice", "set", set(100)).await;
    assert!(over.get("ok").is_none() && over.to_string().contains("uota"), "{over}");
    assert_eq!(ask(&c, "bob", "set", set(100)).await, json!({ "ok": null }));
    profile(&place, "alice", "[quotas]\nmax_storage_bytes = 101\n");
    runtime.principal_changed("alice").await.unwrap().unwrap();
    assert_eq!(ask(&c, "alice", "set", set(100)).await, json!({ "ok": null }));
}

// principals case 9, sys case 5
#[tokio::test]
async fn a_secret_is_the_principals_own_or_the_hosts_and_never_the_owners() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let env = "[env.api_key]\ntype = \"secret\"\n";
    let dir = place.capsule("probe", &guest("probe"), &crate::support::probe_manifest_with(env));
    let c = runtime.load(dir).await.unwrap();
    let store = |who: &str, value: &str| {
        let folder = place.home().join("state/secrets").join(who).join("probe");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("api_key"), value).unwrap();
    };
    store("alice", "A");
    store("default", "D");
    let secret = async |who: &str| ask(&c, who, "config", json!({ "key": "api_key" })).await;
    assert_eq!(secret("alice").await, json!({ "ok": "A" }));
    assert_eq!(secret("bob").await, json!({ "ok": null }));
    overlay(&place, "bob", &json!({ "api_key": "from an overlay" }));
    assert_eq!(secret("bob").await, json!({ "ok": null }));
    store("@host", "S");
    assert_eq!(secret("bob").await, json!({ "ok": "S" }));
    assert_eq!(secret("alice").await, json!({ "ok": "A" }));
}
