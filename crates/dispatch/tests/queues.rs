//! Queues: order, bounds, eviction, unloading.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use astrid_dispatch::Answer;
use astrid_event_bus::Refused;
use common::*;

// dispatch case 5, guest case 18
#[tokio::test]
async fn one_principals_events_run_one_by_one_in_order_and_two_principals_overlap() {
    let world = World::new();
    let (seen, crowd, alone) = (Seen::default(), Crowd::default(), Crowd::default());
    let (s, c, a) = (seen.clone(), crowd.clone(), alone.clone());
    world.capsule(1, "t", 100, move |call| {
        let (seen, crowd, alone) = (s.clone(), c.clone(), a.clone());
        async move {
            let who = call.authority.unwrap();
            crowd.enter();
            if who.as_str() == "alice" {
                alone.enter();
            }
            tokio::task::yield_now().await;
            seen.note(format!("{who}{}", std::str::from_utf8(&call.payload).unwrap()));
            crowd.leave();
            if who.as_str() == "alice" {
                alone.leave();
            }
            proceed()
        }
    });
    for n in 0..50 {
        world.announce(Some("alice"), "t", &n.to_string());
        world.announce(Some("bob"), "t", &n.to_string());
    }
    world.dispatcher.idle().await;
    for who in ["alice", "bob"] {
        let of: Vec<_> = seen.all().into_iter().filter(|s| s.starts_with(who)).collect();
        assert_eq!(of, (0..50).map(|n| format!("{who}{n}")).collect::<Vec<_>>());
    }
    assert_eq!((alone.most(), crowd.most()), (1, 2));
}

// dispatch case 9, guest case 19
#[tokio::test(start_paused = true)]
async fn events_of_the_host_beyond_64_wait_a_second_and_are_then_dropped_with_receipts() {
    let world = World::new();
    let (brake, started) = (Brake::new(), Crowd::default());
    let (b, s) = (brake.clone(), started.clone());
    world.capsule(1, "t", 100, move |_| {
        let (brake, started) = (b.clone(), s.clone());
        async move {
            started.enter();
            brake.wait().await;
            proceed()
        }
    });
    let mut receipts = world.observe("astrid.v1.delivery.failure.*");
    world.announce(Some("alice"), "t", &asking(1_000));
    started.reaches(1).await;
    for n in 1..70 {
        world.announce(Some("alice"), "t", &asking(n));
    }
    assert_eq!((world.dispatcher.stats().queued, world.dispatcher.stats().late), (69, 5));
    tokio::time::sleep(Duration::from_millis(999)).await;
    assert_eq!(world.dispatcher.stats().dropped, 0);
    tokio::time::sleep(Duration::from_millis(2)).await;
    let stats = world.dispatcher.stats();
    assert_eq!((stats.queued, stats.dropped, stats.lagged, stats.late), (64, 5, 0, 0));
    let told = drain(&mut receipts).await;
    let expected: Vec<_> = (65..70u128).map(|n| format!("{n:032x}")).collect();
    assert_eq!(
        told.iter().map(|m| json(m)["delivery_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
        expected
    );
    assert!(told.iter().all(|m| json(m)["reason"] == "queue full" && json(m)["request_topic"] == "t"));
    brake.release(70);
    world.dispatcher.idle().await;
    assert_eq!(world.dispatcher.stats().handled, 65);
    assert!(drain(&mut receipts).await.is_empty());
}

// dispatch case 9
#[tokio::test(start_paused = true)]
async fn an_event_of_the_host_gets_the_place_that_becomes_free_in_time_and_keeps_its_order() {
    let world = World::new();
    let (brake, seen) = (Brake::new(), Seen::default());
    let (b, s) = (brake.clone(), seen.clone());
    world.capsule(1, "t", 100, move |call| {
        let (brake, seen) = (b.clone(), s.clone());
        async move {
            brake.wait().await;
            seen.note(std::str::from_utf8(&call.payload).unwrap());
            proceed()
        }
    });
    for n in 0..70 {
        world.announce(Some("alice"), "t", &n.to_string());
    }
    rest().await;
    brake.release(70);
    world.dispatcher.idle().await;
    assert_eq!(seen.all(), (0..70).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!((world.dispatcher.stats().dropped, world.dispatcher.stats().late), (0, 0));
}

// dispatch case 9, guest case 19, ipc case 47
#[tokio::test(start_paused = true)]
async fn a_guests_65th_publish_waits_and_is_then_refused_while_other_principals_pass() {
    let world = World::new();
    let brake = Brake::new();
    let b = brake.clone();
    world.capsule(1, "t", 100, move |_| {
        let brake = b.clone();
        async move {
            brake.wait().await;
            proceed()
        }
    });
    world.publish(draft(Some("alice"), "t", "0")).await.unwrap();
    rest().await;
    for _ in 0..64 {
        world.publish(draft(Some("alice"), "t", "0")).await.unwrap();
    }
    let began = tokio::time::Instant::now();
    let refused = world.publish(draft(Some("alice"), "t", "0")).await;
    assert_eq!(refused, Err(Refused::Backpressure));
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    world.publish(draft(Some("bob"), "t", "0")).await.unwrap();
    brake.release(66);
    world.dispatcher.idle().await;
    assert_eq!(world.dispatcher.stats().handled, 66);
}

// dispatch case 10
#[tokio::test(start_paused = true)]
async fn ten_thousand_and_one_principals_share_one_queue_at_the_end_and_lose_nothing() {
    let world = World::new();
    let handled = Arc::new(AtomicUsize::new(0));
    let count = handled.clone();
    world.capsule(1, "t", 100, move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        async { proceed() }
    });
    for n in 0..10_001 {
        world.announce(Some(&format!("p{n}")), "t", "0");
    }
    assert_eq!(world.dispatcher.stats().queues, 10_000);
    world.dispatcher.idle().await;
    assert_eq!(handled.load(Ordering::Relaxed), 10_001);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!((world.dispatcher.stats().queues, world.dispatcher.stats().principals), (0, 0));
}

// dispatch case 10
#[tokio::test(start_paused = true)]
async fn an_event_that_races_with_eviction_is_never_lost() {
    const TRIALS: usize = 10_000;
    let world = World::new();
    let handled = Arc::new(AtomicUsize::new(0));
    let count = handled.clone();
    world.capsule(1, "t", 100, move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        async { proceed() }
    });
    let mut evicted = 0;
    for n in 0..TRIALS {
        world.announce(Some("alice"), "t", "0");
        world.dispatcher.idle().await;
        // Around the moment at which the queue is due, on both sides of it.
        let offset = u64::try_from(n % 3).unwrap();
        tokio::time::sleep(Duration::from_millis(59_999 + offset)).await;
        evicted += usize::from(world.dispatcher.stats().queues == 0);
    }
    world.dispatcher.idle().await;
    assert_eq!(handled.load(Ordering::Relaxed), TRIALS);
    assert!(evicted > TRIALS / 10, "{evicted} evictions");
}

// dispatch case 27
#[tokio::test(start_paused = true)]
async fn unloading_discards_what_is_queued_with_receipts_and_later_events_have_no_handler() {
    let world = World::new();
    let brake = Brake::new();
    let b = brake.clone();
    let capsule = world.capsule(1, "t", 100, move |_| {
        let brake = b.clone();
        async move {
            brake.wait().await;
            proceed()
        }
    });
    let mut receipts = world.observe("astrid.v1.delivery.failure.*");
    world.announce(Some("alice"), "t", &asking(1));
    rest().await;
    for n in 2..12 {
        world.announce(Some("alice"), "t", &asking(n));
    }
    world.unload(capsule);
    let told = drain(&mut receipts).await;
    assert_eq!(told.len(), 10);
    assert!(told.iter().all(|m| json(m)["reason"] == "capsule unloaded"));
    world.announce(Some("alice"), "t", &asking(99));
    assert_eq!(json(&drain(&mut receipts).await[0])["reason"], "no handler");
    brake.release(1);
    world.dispatcher.idle().await;
    assert!(drain(&mut receipts).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_of_the_host_gets_a_place_that_was_reserved_and_not_used_where_nothing_else_is_queued() {
    let world = Arc::new(World::new());
    let (brake, seen) = (Brake::new(), Seen::default());
    let s = seen.clone();
    world.capsule_with(1, &[("both", "both"), ("one", "one")], 100, 4, move |call| {
        s.note(&*call.action);
        async { proceed() }
    });
    let b = brake.clone();
    world.capsule_with(2, &[("both", "both"), ("full", "full")], 100, 4, move |_| {
        let brake = b.clone();
        async move {
            brake.wait().await;
            proceed()
        }
    });
    world.announce(Some("alice"), "full", "0");
    rest().await;
    for _ in 0..64 {
        world.announce(Some("alice"), "full", "0");
    }
    // All places of the first are reserved by who waits for one of the second, in vain.
    let publishers: Vec<_> = (0..64)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.publish(draft(Some("alice"), "both", "0")).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.announce(Some("alice"), "one", "0");
    assert_eq!(world.dispatcher.stats().late, 1);
    for publisher in publishers {
        assert_eq!(publisher.await.unwrap(), Err(Refused::Backpressure));
    }
    rest().await;
    assert_eq!(seen.all(), ["one"]);
    assert_eq!(world.dispatcher.stats().late, 0);
    brake.release(65);
    world.dispatcher.idle().await;
}

// dispatch case 26
#[tokio::test(start_paused = true)]
async fn lag_is_announced_once_and_what_follows_within_ten_seconds_is_gathered() {
    let world = World::new();
    let brake = Brake::new();
    let b = brake.clone();
    world.capsule(1, "t", 100, move |_| {
        let brake = b.clone();
        async move {
            brake.wait().await;
            proceed()
        }
    });
    let mut notices = world.observe("astrid.v1.event_bus.lagged");
    world.announce(Some("alice"), "t", "0");
    rest().await;
    for _ in 0..64 + 4_096 + 500 {
        world.announce(Some("alice"), "t", "0");
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let told = drain(&mut notices).await;
    assert_eq!(told.iter().map(json).collect::<Vec<_>>(), [serde_json::json!({ "lagged_count": 500 })]);
    // 4 096 still wait, so each of these is one too many.
    for _ in 0..3 {
        world.announce(Some("alice"), "t", "0");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(drain(&mut notices).await.is_empty());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = drain(&mut notices).await;
    assert_eq!(told.iter().map(json).collect::<Vec<_>>(), [serde_json::json!({ "lagged_count": 3 })]);
    assert_eq!(world.dispatcher.stats().lagged, 503);
}

// ipc case 48
#[tokio::test(start_paused = true)]
async fn of_two_handlers_that_publish_to_each_others_full_queue_one_is_refused_at_once() {
    let world = Arc::new(World::new());
    let go = Arc::new(tokio::sync::Barrier::new(3));
    let outcomes = Seen::default();
    for (n, own, other) in [(1u128, "a", "b"), (2, "b", "a")] {
        let (w, go, outcomes) = (Arc::downgrade(&world), go.clone(), outcomes.clone());
        world.capsule(n, own, 100, move |call| {
            let (w, go, outcomes) = (w.clone(), go.clone(), outcomes.clone());
            async move {
                if &call.payload[..] == b"\"go\"" {
                    go.wait().await;
                    let world = w.upgrade().unwrap();
                    let draft =
                        draft(Some("alice"), other, "0").source(astrid_host_context::Uuid::from_u128(n));
                    let began = tokio::time::Instant::now();
                    let refused = world.publish(draft).await.err();
                    assert!(began.elapsed() < Duration::from_millis(10));
                    outcomes.note(format!("{refused:?}"));
                }
                proceed()
            }
        });
    }
    for topic in ["a", "b"] {
        world.announce(Some("alice"), topic, "\"go\"");
    }
    rest().await;
    for topic in ["a", "b"] {
        for _ in 0..64 {
            world.announce(Some("alice"), topic, "0");
        }
    }
    go.wait().await;
    world.dispatcher.idle().await;
    let mut all = outcomes.all();
    all.sort();
    assert_eq!(all, ["None", "Some(Cycle)"]);
}

// dispatch case 32
#[tokio::test(start_paused = true)]
async fn a_handler_may_wait_for_another_capsules_answer_but_not_for_its_own() {
    let world =
        Arc::new(World::with(|b| b.limits(Arc::new(astrid_dispatch::FixedLimits { max_in_flight: 1 }))));
    let outcomes = Seen::default();
    let (w, seen) = (Arc::downgrade(&world), outcomes.clone());
    world.capsule_with(1, &[("ask.*", "ask"), ("own", "own")], 100, 1, move |call| {
        let (w, seen) = (w.clone(), seen.clone());
        async move {
            let world = w.upgrade().unwrap();
            let (to, reply) = match std::str::from_utf8(&call.payload).unwrap() {
                "\"other\"" => ("other", "reply.other"),
                "\"own\"" => ("own", "reply.own"),
                _ => {
                    world.announce(Some("alice"), "reply.own", "0");
                    return proceed();
                }
            };
            let mut replies = world.observe(reply);
            world.announce(Some("alice"), to, "0");
            let got = tokio::time::timeout(Duration::from_secs(5), replies.recv()).await;
            seen.note(format!("{to} {}", got.is_ok()));
            proceed()
        }
    });
    let w = Arc::downgrade(&world);
    world.capsule_with(2, &[("other", "answer")], 100, 1, move |_| {
        let world = w.upgrade().unwrap();
        async move {
            world.announce(Some("alice"), "reply.other", "0");
            proceed()
        }
    });
    world.announce(Some("alice"), "ask.x", "\"other\"");
    world.announce(Some("alice"), "ask.x", "\"own\"");
    world.dispatcher.idle().await;
    assert_eq!(outcomes.all(), ["other true", "own false"]);
}

#[tokio::test]
async fn a_disabled_principals_queues_are_dropped_and_told() {
    let world = World::new();
    let brake = Brake::new();
    let b = brake.clone();
    world.capsule(1, "t", 100, move |_| {
        let brake = b.clone();
        async move {
            brake.wait().await;
            proceed()
        }
    });
    let mut receipts = world.observe("astrid.v1.delivery.failure.*");
    for who in ["alice", "bob"] {
        world.announce(Some(who), "t", "0");
        world.announce(Some(who), "t", &asking(7));
    }
    rest().await;
    world.dispatcher.drop_queues_of(&principal("alice"));
    let told = drain(&mut receipts).await;
    assert_eq!(told.len(), 1);
    assert_eq!(json(&told[0])["reason"], "denied: principal 'alice' is disabled");
    brake.release(3);
    world.dispatcher.idle().await;
    assert_eq!(world.dispatcher.stats().handled, 3);
}

#[tokio::test]
async fn a_handler_that_panics_does_not_stop_its_queue() {
    let world = World::new();
    world.capsule(1, "t", 100, |call| async move {
        assert_ne!(&call.payload[..], b"1", "a test's own");
        Answer::Final(call.payload)
    });
    let mut receipts = world.observe("astrid.v1.delivery.failure.*");
    world.announce(
        Some("alice"),
        "t",
        r#"{"type":"custom","data":1,"_astrid_delivery_id":"00000000000000000000000000000009"}"#,
    );
    world.announce(Some("alice"), "t", "2");
    world.dispatcher.idle().await;
    assert_eq!(world.dispatcher.stats().handled, 2);
    assert_eq!(json(&drain(&mut receipts).await[0])["reason"], "failed");
}

// dispatch case 31
#[tokio::test(start_paused = true)]
async fn a_flood_of_a_hundred_principals_is_held_at_the_caps_and_others_pass() {
    let world = World::new();
    let brake = Brake::new();
    let b = brake.clone();
    world.capsule(1, "t", 100, move |_| {
        let brake = b.clone();
        async move {
            brake.wait().await;
            proceed()
        }
    });
    world.capsule(2, "other", 100, |_| async { proceed() });
    for _ in 0..1_000 {
        for n in 0..100 {
            world.announce(Some(&format!("p{n}")), "t", "0");
        }
    }
    let stats = world.dispatcher.stats();
    assert_eq!((stats.queued, stats.late), (100 * 64 + 4_096, 4_096));
    assert!(stats.late_bytes <= 4_096 * 2);
    rest().await;
    let before = world.dispatcher.stats().handled;
    let began = tokio::time::Instant::now();
    world.announce(Some("p0"), "other", "0");
    rest().await;
    assert_eq!(world.dispatcher.stats().handled, before + 1);
    assert!(began.elapsed() < Duration::from_millis(50));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let stats = world.dispatcher.stats();
    assert_eq!((stats.queued, stats.late, stats.late_bytes), (100 * 64, 0, 0));
    brake.release(100_000);
    world.dispatcher.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_events_of_hosts_and_guests_that_meet_at_full_queues_each_is_handled_or_accounted_for() {
    const EACH: usize = 2_000;
    let world = Arc::new(World::new());
    let handled = Arc::new(AtomicUsize::new(0));
    for n in 1..=2 {
        let count = handled.clone();
        world.capsule(n, "t", u32::try_from(n).unwrap(), move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::task::yield_now().await;
                proceed()
            }
        });
    }
    let accepted = Arc::new(AtomicUsize::new(0));
    let publishers: Vec<_> = (0..6)
        .map(|n| {
            let (world, accepted) = (world.clone(), accepted.clone());
            tokio::spawn(async move {
                for _ in 0..EACH {
                    let event = draft(Some(["alice", "bob"][n % 2]), "t", "0");
                    // One in three belongs to the host, which never waits; guests wait or give up.
                    let went = if n < 2 {
                        world.bus.announce(event);
                        tokio::task::yield_now().await;
                        true
                    } else {
                        world.publish(event).await.is_ok()
                    };
                    accepted.fetch_add(usize::from(went), Ordering::Relaxed);
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    world.dispatcher.idle().await;
    let stats = world.dispatcher.stats();
    // A dropped event's first link was never asked, or its second was not.
    let (handled, dropped) = (handled.load(Ordering::Relaxed), usize::try_from(stats.dropped).unwrap());
    let accepted = accepted.load(Ordering::Relaxed);
    assert!(
        handled + 2 * dropped >= 2 * accepted && handled + dropped <= 2 * accepted,
        "{handled} {dropped} {accepted}"
    );
    assert_eq!((stats.queued, stats.late, stats.late_bytes), (0, 0, 0));
}
