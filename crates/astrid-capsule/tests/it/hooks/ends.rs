//! How hooks end that do not just return.

use std::time::{Duration, Instant};

use super::{Hooks, upgrade, who};
use crate::support::{Place, ask};
use astrid_capsule::{Code, HookPhase};
use astrid_host_context::Outcome;
use serde_json::json;

// guest case 29: what becomes of the package is the installer's
#[tokio::test]
async fn a_hook_that_traps_leaves_the_values_as_they_were_and_may_be_called_again() {
    let mut h = Hooks::new().await;
    h.store(&[("kept", "old"), ("old", "x")]).await;
    for (phase, name) in [(HookPhase::Install, "install"), (upgrade(), "upgrade")] {
        let failed = h.run("trap", phase.clone()).await.unwrap_err();
        assert_eq!(failed.code(), Code::Execution);
        assert_eq!(failed.to_string(), format!("capsule 'hooker': astrid-{name} trapped: unreachable"));
        assert_eq!(h.next().await["kept"][1], name, "it came as far as that");
        assert_eq!(h.stored("alice").await, json!({ "kept": "old", "old": "x" }));
        // The chapter: files below home are not rolled back.
        assert_eq!(std::fs::read_to_string(h.place.home().join("home/alice/hooked")).unwrap(), name);
        assert!(h.run("", phase).await.unwrap().ran());
        h.next().await;
    }
}

// guest case 30
#[tokio::test]
async fn a_hook_that_logs_an_error_and_returns_has_succeeded() {
    let h = Hooks::new().await;
    let done = h.run("log", HookPhase::Install).await.unwrap();
    assert!(done.ran());
    done.commit().await.unwrap();
    assert_eq!(h.stored("alice").await["kept"], "install");
    assert_eq!(h.outcomes(), [Outcome::Allowed]);
}

// guest case 31
#[tokio::test]
async fn a_hook_that_waits_for_ten_minutes_has_failed_though_it_returns_then() {
    // More than the contract has counts as what it has.
    let mut h = Hooks::with(|config| config.lifecycle_timeout = Duration::MAX).await;
    // Compiled before the clock stands still.
    assert!(h.run("", HookPhase::Install).await.unwrap().ran());
    h.next().await;
    for mode in ["wait", "stubborn"] {
        let running = h.spawn(mode, upgrade());
        h.next().await;
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        let failed = running.await.unwrap().unwrap_err();
        let took = begun.elapsed();
        tokio::time::resume();
        // What passed before the clock stood still is not in it.
        assert!(took > Duration::from_secs(570) && took < Duration::from_secs(601), "{took:?}");
        assert_eq!(failed.code(), Code::Timeout);
        assert_eq!(failed.to_string(), "capsule 'hooker': astrid-upgrade exceeded its deadline of 600s");
    }
    assert_eq!(
        h.outcomes(),
        [Outcome::Allowed, Outcome::Cancelled("deadline"), Outcome::Cancelled("deadline")]
    );
    assert_eq!(h.stored("alice").await, json!({}));
}

// guest case 31
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_computes_through_its_time_is_stopped_and_its_fuel_is_counted() {
    // Longer ones where a busy machine gave the hook hardly a moment of the shorter.
    let limits = [300, 3_000, 30_000].map(Duration::from_millis);
    for (limit, is_last) in limits.into_iter().zip([false, false, true]) {
        let h = Hooks::with(|config| config.lifecycle_timeout = limit).await;
        let begun = Instant::now();
        let failed = h.run("spin", HookPhase::Install).await.unwrap_err();
        let expected =
            format!("capsule 'hooker': astrid-install exceeded its deadline of {}s", limit.as_secs_f64());
        assert_eq!(failed.to_string(), expected);
        // It would never end by itself.
        assert!(begun.elapsed() < limit + Duration::from_secs(60), "{:?}", begun.elapsed());
        let fuel = h.runtime.fuel_used("alice");
        if fuel > 1_000_000 {
            return;
        }
        assert!(!is_last, "{fuel}");
    }
}

// guest case 31: with another wait than for a person, which asks.rs has
#[tokio::test]
async fn a_hook_that_its_user_gives_up_on_reads_of_it_and_has_failed() {
    let mut h = Hooks::new().await;
    for mode in ["wait", "stubborn"] {
        let running = h.spawn(mode, HookPhase::Install);
        h.next().await;
        // Time then passes only where somebody waits for it: who reads of it in its wait and returns needs none of
        // the two seconds that are left. Who does not never waits again, and those are the engine's, in real time.
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        assert!(h.runtime.cancel_hook("hooker", &who("alice")).unwrap());
        let failed = running.await.unwrap().unwrap_err();
        assert!(begun.elapsed() < Duration::from_millis(1500), "{mode}: {:?}", begun.elapsed());
        tokio::time::resume();
        assert_eq!(failed.code(), Code::Cancelled);
        assert_eq!(failed.to_string(), "capsule 'hooker': astrid-install was cancelled");
        assert_eq!(h.stored("alice").await, json!({}));
    }
    assert_eq!(h.outcomes(), [Outcome::Cancelled("cancelled"); 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_whose_future_is_dropped_is_gone_at_once() {
    let mut h = Hooks::new().await;
    let running = h.spawn("wait", HookPhase::Install);
    h.next().await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(h.outcomes(), [Outcome::Cancelled("abandoned")]);
    assert!(h.runtime.fuel_used("alice") > 0);
    assert_eq!(h.stored("alice").await, json!({}));
    assert!(h.run("", HookPhase::Install).await.unwrap().ran(), "its place is free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_ends_with_its_principal_and_with_the_host() {
    let place = Place::new();
    place.profile("alice", "");
    let mut h = Hooks::of(place, |_| {}).await;
    // Told at once, or noticed by whoever looks at the profiles of those who have something under way.
    for told in [true, false] {
        let running = h.spawn("stubborn", HookPhase::Install);
        h.next().await;
        h.place.profile("alice", "enabled = false\n");
        if told {
            h.runtime.principal_changed("alice").await.unwrap().unwrap_err();
        }
        let failed = running.await.unwrap().unwrap_err();
        assert_eq!(failed.to_string(), "capsule 'hooker': principal 'alice' is disabled");
        let refused = h.run("", HookPhase::Install).await.unwrap_err();
        assert_eq!(refused.to_string(), "capsule 'hooker': principal 'alice' is disabled");
        h.place.profile("alice", "");
        h.runtime.principal_changed("alice").await.unwrap().unwrap();
    }
    let running = h.spawn("wait", HookPhase::Install);
    h.next().await;
    h.runtime.shutdown().await;
    assert_eq!(running.await.unwrap().unwrap_err().code(), Code::Cancelled);
}

#[tokio::test]
async fn a_hook_burns_as_much_as_it_likes_and_nobody_pays_for_it_later() {
    const PER_SECOND: u64 = 20_000_000;
    let h = Hooks::with(|config| config.fuel_per_second = PER_SECOND).await;
    let begun = Instant::now();
    assert!(h.run("burn", HookPhase::Install).await.unwrap().ran());
    let burnt = h.runtime.fuel_used("alice");
    assert!(burnt > 2 * PER_SECOND, "{burnt}");
    // Paced it would take that many seconds.
    let paced = Duration::from_secs(burnt / PER_SECOND);
    let usage = h.runtime.quota_usage("alice").await.unwrap();
    assert_eq!((usage.fuel_total, usage.fuel_window), (burnt, 0), "after {:?} of {paced:?}", begun.elapsed());
    let capsule = h.runtime.load(h.dir("")).await.unwrap();
    assert_eq!(ask(&capsule, "alice", "list", json!({})).await, json!([]));
}

#[tokio::test]
async fn a_hook_has_the_memory_of_its_principals_profile() {
    const LIMIT: u64 = 16 << 20;
    let place = Place::new();
    place.profile("alice", &format!("[quotas]\nmax_memory_bytes = {LIMIT}\n"));
    let h = Hooks::of(place, |_| {}).await;
    let failed = h.run("hog", HookPhase::Install).await.unwrap_err();
    assert_eq!(failed.to_string(), "capsule 'hooker': astrid-install trapped: unreachable");
    assert!(h.runtime.memory_denied() > 0);
    let peak = h.runtime.quota_usage("alice").await.unwrap().mem_peak;
    assert!(peak > LIMIT / 2 && peak <= LIMIT, "{peak}");
}
