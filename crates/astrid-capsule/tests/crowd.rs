//! Many principals at one capsule, alone in a process, since one test measures its memory. With
//! `cargo xtask test --long` there are as many as the chapter says.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up must fail")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use astrid_capsule::Readiness;
use serde_json::{Value, json};
use support::{Place, ask, guest};

/// The chapter's bound on the queues of one capsule.
const QUEUES: usize = 10_000;

fn is_long() -> bool {
    std::env::var_os("ASTRID_LONG_TESTS").is_some()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

// principals case 27
async fn of_all_principals_none_finds_what_another_left_and_the_host_stays_as_small_as_it_was() {
    const LANES: usize = 8;
    let each = if is_long() { 1_250 } else { 125 };
    let place = Place::new();
    let runtime = place.runtime_with(|config| config.instance_pool_size = Some(4)).await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    let mut seen = runtime.observe("probe.v1.out.*").unwrap();
    // What a first call of each kind allocates for good is there before the crowd comes.
    for n in 0..64 {
        ask(&c, &format!("early{n}"), "marker", json!({ "set": 1 })).await;
    }
    let before = resident_kib();
    let tasks = (0..LANES).map(|lane| {
        let (c, runtime) = (c.clone(), runtime.clone());
        tokio::spawn(async move {
            for n in 0..each {
                let number = lane * each + n;
                let who = format!("p{number}");
                // Nobody's mark, then the own key; a value of somebody else would show in either.
                assert_eq!(ask(&c, &who, "marker", json!({ "set": 1 + number })).await, 0, "{who}");
                assert_eq!(ask(&c, &who, "get", json!({ "key": "k" })).await, json!({ "ok": null }), "{who}");
                ask(&c, &who, "set", json!({ "key": "k", "value": who })).await;
                let event = json!({ "topic": "probe.v1.out.x", "payload": who }).to_string();
                runtime.publish("probe.v1.publish", event, Some(&who)).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert!(runtime.settle(Duration::from_secs(60)).await);
    for _ in 0..each.min(100) {
        let message = seen.recv().await;
        // An observer that is not read for long loses messages; what it has is each from who it names.
        let Ok(message) = message else { continue };
        let said: Value = serde_json::from_slice(message.payload().bytes()).unwrap();
        assert_eq!(message.authority().unwrap().as_str(), said.as_str().unwrap());
    }
    let stats = runtime.dispatched();
    assert!(stats.queues <= QUEUES && stats.queued == 0 && stats.principals == 0, "{stats:?}");
    let after = resident_kib();
    // A queue, a row of the ledger and a profile's absence each: some kilobytes a principal at most.
    let budget = 32 * 1024 + u64::try_from(LANES * each).unwrap() * 4;
    assert!(after <= before + budget, "{before} KiB before, {after} KiB after {} principals", LANES * each);
    runtime.shutdown().await;
}

// principals case 4, with a guest of ours that asks others before it answers, as a prompt builder does
async fn of_two_principals_whose_prompts_interleave_every_answer_carries_its_own() {
    let rounds = if is_long() { 1_000 } else { 100 };
    let place = Place::new();
    for who in ["alice", "bob"] {
        place.profile(who, "");
    }
    let runtime = place
        .runtime_with(|config| {
            config.system_resident.insert("builder".to_owned());
        })
        .await;
    let manifest = "[env.mode]\ndefault = \"build\"\n[publish]\n\"looper.v1.*\" = \"opaque\"\n[subscribe]\n\"looper.v1.ask\" = \"opaque\"\n\"looper.v1.reply.*\" = \"opaque\"\n";
    let builder = runtime.load(place.capsule("builder", &guest("looper"), manifest)).await.unwrap();
    let hook = "[publish]\n\"looper.v1.*\" = \"opaque\"\n[subscribe]\n\"looper.v1.hook\" = { wit = \"opaque\", handler = \"publish\" }\n";
    runtime.load(place.capsule("memory", &guest("probe"), hook)).await.unwrap();
    assert_eq!(builder.wait_ready(Duration::from_secs(30)).await, Readiness::Ready);
    let asking = ["alice", "bob"].map(|who| {
        let runtime = runtime.clone();
        tokio::spawn(async move {
            let mut answers = runtime.observe("looper.v1.answer").unwrap();
            for round in 0..rounds {
                let n = format!("{who}-{round}");
                let prompt = json!({ "n": n, "who": who }).to_string();
                runtime.publish("looper.v1.ask", prompt, Some(who)).await.unwrap();
                loop {
                    let message = answers.recv().await.unwrap();
                    let said: Value = serde_json::from_slice(message.payload().bytes()).unwrap();
                    assert_eq!(
                        message.authority().unwrap().as_str(),
                        said["who"].as_str().unwrap(),
                        "{said}"
                    );
                    assert_eq!(said["caller"], said["who"], "{said}");
                    assert_eq!(said["reply"], json!({ "of": said["who"] }), "{said}");
                    if said["n"] == n.as_str() {
                        break;
                    }
                }
            }
        })
    });
    for task in asking {
        task.await.unwrap();
    }
    runtime.shutdown().await;
}

// guest case 35, the part about what else the host does
async fn sixty_four_calls_on_a_pool_of_eight_do_not_delay_who_has_nothing_to_do_with_them() {
    let place = Place::new();
    let runtime = place.runtime_with(|config| config.instance_pool_size = Some(8)).await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    // The case's bound where the machine does nothing else; where it does, whoever holds a worker for the
    // length of its call is still found out, since that is so at every attempt.
    let bound = Duration::from_millis(if is_long() { 50 } else { 1_000 });
    let mut late = Vec::new();
    for _ in 0..if is_long() { 1 } else { 5 } {
        let over = Arc::new(AtomicBool::new(false));
        let heart = tokio::spawn({
            let over = over.clone();
            async move {
                let mut latest = Duration::ZERO;
                while !over.load(Ordering::Relaxed) {
                    let due = Instant::now() + Duration::from_millis(2);
                    tokio::time::sleep_until(due.into()).await;
                    latest = latest.max(due.elapsed());
                }
                latest
            }
        });
        let calls: Vec<_> = (0..64)
            .map(|n| {
                let c = c.clone();
                tokio::spawn(async move {
                    ask(&c, &format!("p{n}"), "burn", json!({ "rounds": 2_000_000 })).await
                })
            })
            .collect();
        for call in calls {
            assert!(call.await.unwrap().is_u64());
        }
        over.store(true, Ordering::Relaxed);
        let latest = heart.await.unwrap();
        late.push(latest);
        if latest <= bound {
            break;
        }
    }
    assert!(late.iter().any(|latest| *latest <= bound), "host work came {late:?} late");
    runtime.shutdown().await;
}

// One after the other: the second would add to the memory that the first measures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crowds_are_served_one_by_one_and_leave_nothing() {
    of_all_principals_none_finds_what_another_left_and_the_host_stays_as_small_as_it_was().await;
    of_two_principals_whose_prompts_interleave_every_answer_carries_its_own().await;
    sixty_four_calls_on_a_pool_of_eight_do_not_delay_who_has_nothing_to_do_with_them().await;
}
