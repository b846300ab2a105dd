//! Capsules that die: noticed, restarted, given up, swapped.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{Place, guest};
use astrid_capsule::{Readiness, Runtime, SearchPath, State};
use astrid_event_bus::{AccessPattern, Charset, Observer};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

fn looper(place: &Place, mode: &str) -> PathBuf {
    let manifest = format!("[env.mode]\ndefault = \"{mode}\"\n[subscribe]\n\"looper.v1.ask\" = \"opaque\"\n");
    place.capsule("looper", &guest("looper"), &manifest)
}

async fn booted(place: &Place, dir: &Path) -> Runtime {
    let runtime = place.runtime().await;
    runtime.boot(&[SearchPath::explicit(dir)]).await;
    runtime
}

async fn next(seen: &mut Observer) -> Value {
    serde_json::from_slice(seen.recv().await.unwrap().payload().bytes()).unwrap()
}

fn is_failed(runtime: &Runtime) -> bool {
    matches!(runtime.capsule("looper").unwrap().state(), State::Failed(_))
}

// lifecycle case 18
#[tokio::test(start_paused = true)]
async fn a_dead_run_loop_is_reported_within_ten_seconds_and_replaced_two_later() {
    let place = Place::new();
    let dir = looper(&place, "return");
    let runtime = booted(&place, &dir).await;
    let mut failed = runtime.observe("astrid.v1.health.failed").unwrap();
    let mut restarted = runtime.observe("system.v1.lifecycle.restart").unwrap();
    let (begin, dead) = (Instant::now(), runtime.capsule("looper").unwrap().source_uuid());
    let report = next(&mut failed).await;
    assert!(begin.elapsed() <= Duration::from_secs(11), "{:?}", begin.elapsed());
    assert_eq!((&report["capsule_id"], &report["reason"]), (&"looper".into(), &"run loop exited".into()));
    looper(&place, "serve");
    let noticed = Instant::now();
    let restart = next(&mut restarted).await;
    let waited = noticed.elapsed();
    assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(4), "{waited:?}");
    assert_eq!((&restart["capsule_id"], &restart["attempt"]), (&"looper".into(), &1.into()));
    let new = runtime.capsule("looper").unwrap();
    assert_eq!(new.state(), State::Ready);
    assert_ne!(new.source_uuid(), dead);
    runtime.shutdown().await;
}

// lifecycle case 18
#[tokio::test(start_paused = true)]
async fn attempts_come_ever_later_and_end_after_five_until_an_operator_reloads() {
    let place = Place::new();
    let dir = looper(&place, "return");
    let runtime = booted(&place, &dir).await;
    let mut restarted = runtime.observe("system.v1.lifecycle.restart").unwrap();
    let mut failed = runtime.observe("astrid.v1.health.failed").unwrap();
    next(&mut failed).await;
    // Attempts at 2, 6, 14 s: the third is the first to find a capsule that lives.
    sleep(Duration::from_secs(10)).await;
    assert!(is_failed(&runtime));
    looper(&place, "serve");
    assert_eq!(next(&mut restarted).await["attempt"], 3);

    // Another that is dead for good.
    runtime.unload("looper").await.unwrap();
    looper(&place, "return");
    runtime.boot(&[SearchPath::explicit(&dir)]).await;
    next(&mut failed).await;
    sleep(Duration::from_secs(2 + 4 + 8 + 16 + 32 + 60)).await;
    looper(&place, "serve");
    assert!(timeout(Duration::from_secs(3600), restarted.recv()).await.is_err(), "given up");
    assert!(is_failed(&runtime));

    let reloaded = runtime.reload("looper").await.unwrap();
    assert_eq!(reloaded.state(), State::Ready);
    assert_eq!(next(&mut restarted).await["reason"], "reload");
    runtime.shutdown().await;
}

// guest case 8; the waits are those of lifecycle §7
#[tokio::test(start_paused = true)]
async fn a_loop_that_ends_after_its_signal_is_restarted_five_times_and_then_stays_failed() {
    let place = Place::new();
    let dir = looper(&place, "ready-then-return");
    let runtime = place.runtime().await;
    let booted = runtime.boot(&[SearchPath::explicit(&dir)]).await;
    let readiness: Vec<_> = booted.loaded.iter().map(|one| one.readiness).collect();
    assert_eq!(readiness, [Readiness::Ready], "it said so before it ended");
    let mut failed = runtime.observe("astrid.v1.health.failed").unwrap();
    let mut restarted = runtime.observe("system.v1.lifecycle.restart").unwrap();
    for (attempt, wait) in [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32)] {
        let reported = next(&mut failed).await;
        assert_eq!(reported["reason"], "run loop exited");
        let noticed = Instant::now();
        assert_eq!(next(&mut restarted).await["attempt"], attempt);
        let waited = noticed.elapsed();
        let wait = Duration::from_secs(wait);
        assert!(waited >= wait && waited < wait + Duration::from_secs(2), "{attempt}: {waited:?}");
    }
    assert_eq!(next(&mut failed).await["reason"], "run loop exited");
    assert!(timeout(Duration::from_secs(3600), restarted.recv()).await.is_err(), "given up");
    assert_eq!(runtime.capsule("looper").unwrap().state(), State::Failed("run loop exited".to_owned()));
    runtime.shutdown().await;
}

#[tokio::test]
async fn a_directory_that_holds_another_capsule_now_or_a_broken_one_replaces_nothing() {
    let place = Place::new();
    let dir = place.probe("probe");
    let runtime = place.runtime().await;
    let old = runtime.load(&dir).await.unwrap();
    let manifest = std::fs::read_to_string(dir.join("Capsule.toml")).unwrap();
    for (wrong, said) in [
        (manifest.replace("name = \"probe\"", "name = \"other\""), "'other'"),
        ("[".to_owned(), "Capsule.toml:1"),
    ] {
        std::fs::write(dir.join("Capsule.toml"), wrong).unwrap();
        let error = runtime.reload("probe").await.err().unwrap().to_string();
        assert!(error.starts_with("capsule 'probe': ") && error.contains(said), "{error}");
        assert_eq!(runtime.capsule("probe").unwrap().source_uuid(), old.source_uuid());
    }
    assert_eq!(crate::support::ask(&old, "alice", "echo", json!({"a": 1})).await, json!({"a": 1}));
    runtime.shutdown().await;
}

// lifecycle case 19
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_calls_during_a_swap_none_is_lost_or_answered_twice() {
    const CALLERS: usize = 10;
    let place = Place::new();
    let runtime = place.runtime().await;
    let old = runtime.load(place.probe("probe")).await.unwrap().source_uuid();
    let pattern = AccessPattern::parse("probe.v1.out", Charset::Token).unwrap();
    let mut answers = runtime.bus().observe_with_capacity(pattern, 1 << 20);
    let swapped = Arc::new(AtomicBool::new(false));
    // From before the swap until after it, a hundred calls each at least.
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (runtime, swapped) = (runtime.clone(), swapped.clone());
            tokio::spawn(async move {
                let (mut sent, mut after) = (0, 0);
                while sent < 100 || after < 10 {
                    after += usize::from(swapped.load(Ordering::Acquire));
                    let n = sent * CALLERS + caller;
                    let payload = json!({ "topic": "probe.v1.out", "payload": n }).to_string();
                    let who = format!("p{caller}");
                    runtime.publish("probe.v1.publish", payload, Some(&who)).await.unwrap();
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    // The old instance answers at least once, however late the callers' tasks come to run.
    let first = answers.recv().await.unwrap();
    let new = runtime.reload("probe").await.unwrap().source_uuid();
    swapped.store(true, Ordering::Release);
    let mut sent = Vec::new();
    for caller in callers {
        sent.push(caller.await.unwrap());
    }
    assert!(runtime.settle(Duration::from_secs(30)).await);
    let mut seen = HashMap::new();
    let mut sources = HashSet::new();
    let mut next = Some(first);
    while let Some(message) = next {
        let n: usize = serde_json::from_slice(message.payload().bytes()).unwrap();
        *seen.entry(n).or_insert(0) += 1;
        sources.insert(message.source());
        next = answers.try_recv().unwrap();
    }
    assert_eq!(sources, HashSet::from([old, new]));
    for (caller, sent) in sent.into_iter().enumerate() {
        for n in (0..sent).map(|n| n * CALLERS + caller) {
            assert_eq!(seen.remove(&n), Some(1), "call {n}");
        }
    }
    assert!(seen.is_empty());
    runtime.shutdown().await;
}
