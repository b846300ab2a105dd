//! Who executes, and how many at once.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use astrid_dispatch::{FixedLimits, Limits, guest_entered, guest_left, waiting};
use astrid_host_context::Principal;
use common::*;

const WHO: [&str; 5] = ["p1", "p2", "p3", "p4", "p5"];

// dispatch case 11
#[tokio::test(start_paused = true)]
async fn of_five_computing_handlers_at_most_four_execute_at_once() {
    let (world, crowd) = (World::new(), Crowd::default());
    let c = crowd.clone();
    world.capsule(1, "t", 100, move |_| {
        let crowd = c.clone();
        async move {
            guest_entered();
            crowd.enter();
            // Fuel yields: a guest that computes lets others on the worker, and keeps its permit.
            for _ in 0..100 {
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            crowd.leave();
            guest_left();
            proceed()
        }
    });
    for who in WHO {
        world.announce(Some(who), "t", "0");
    }
    world.dispatcher.idle().await;
    assert_eq!((crowd.most(), world.dispatcher.stats().handled), (4, 5));
}

// dispatch case 11
#[tokio::test(start_paused = true)]
async fn five_handlers_that_wait_for_the_host_wait_at_the_same_time() {
    let (world, crowd, inside) = (World::new(), Crowd::default(), Crowd::default());
    let (c, i) = (crowd.clone(), inside.clone());
    world.capsule(1, "t", 100, move |_| {
        let (crowd, inside) = (c.clone(), i.clone());
        async move {
            guest_entered();
            guest_left();
            crowd.enter();
            tokio::time::sleep(Duration::from_secs(5)).await;
            crowd.leave();
            guest_entered();
            inside.enter();
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            inside.leave();
            guest_left();
            proceed()
        }
    });
    let began = tokio::time::Instant::now();
    for who in WHO {
        world.announce(Some(who), "t", "0");
    }
    crowd.reaches(5).await;
    assert!(began.elapsed() < Duration::from_millis(100));
    world.dispatcher.idle().await;
    // Back from the host they need the permits again.
    assert_eq!((crowd.most(), inside.most()), (5, 4));
}

// dispatch case 11
#[tokio::test(start_paused = true)]
async fn a_short_host_wait_keeps_the_permit() {
    let (world, crowd) = (World::new(), Crowd::default());
    let c = crowd.clone();
    world.capsule_with(1, &[("t", "h")], 100, 1, move |_| {
        let crowd = c.clone();
        async move {
            crowd.enter();
            for _ in 0..20 {
                guest_entered();
                guest_left();
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            crowd.leave();
            proceed()
        }
    });
    for who in WHO {
        world.announce(Some(who), "t", "0");
    }
    world.dispatcher.idle().await;
    assert_eq!(crowd.most(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_is_paced_lends_its_permit_and_is_inside_again_afterwards() {
    let (world, paced, inside) = (World::new(), Crowd::default(), Crowd::default());
    let (p, i) = (paced.clone(), inside.clone());
    world.capsule_with(1, &[("t", "h")], 100, 1, move |_| {
        let (paced, inside) = (p.clone(), i.clone());
        async move {
            guest_entered();
            paced.enter();
            waiting(tokio::time::sleep(Duration::from_secs(1))).await;
            paced.leave();
            inside.enter();
            tokio::time::sleep(Duration::from_secs(1)).await;
            inside.leave();
            guest_left();
            proceed()
        }
    });
    for who in WHO {
        world.announce(Some(who), "t", "0");
    }
    world.dispatcher.idle().await;
    assert_eq!((paced.most(), inside.most()), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn one_principal_executes_its_share_over_all_capsules_and_others_are_not_held_up() {
    let world = World::with(|b| b.limits(Arc::new(FixedLimits { max_in_flight: 2 })));
    let (alice, bob) = (Crowd::default(), Crowd::default());
    for n in 1..=6 {
        let (alice, bob) = (alice.clone(), bob.clone());
        world.capsule(n, "t", 100, move |call| {
            let crowd = if call.authority.unwrap().as_str() == "alice" { alice.clone() } else { bob.clone() };
            async move {
                guest_entered();
                crowd.enter();
                tokio::time::sleep(Duration::from_millis(100)).await;
                crowd.leave();
                guest_left();
                proceed()
            }
        });
    }
    let began = tokio::time::Instant::now();
    world.announce(Some("alice"), "t", "0");
    world.announce(Some("bob"), "t", "0");
    world.dispatcher.idle().await;
    assert_eq!((alice.most(), bob.most()), (2, 2));
    assert_eq!(began.elapsed(), Duration::from_millis(300));
    assert_eq!(world.dispatcher.stats().principals, 0);
}

#[tokio::test(start_paused = true)]
async fn a_changed_profile_applies_to_the_next_call() {
    struct Live(AtomicUsize);
    impl Limits for Live {
        fn max_in_flight(&self, _: &Principal) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }
    let live = Arc::new(Live(AtomicUsize::new(1)));
    let l = live.clone();
    let world = World::with(|b| b.limits(l));
    let crowd = Crowd::default();
    for n in 1..=6 {
        let crowd = crowd.clone();
        world.capsule(n, "t", 100, move |_| {
            let crowd = crowd.clone();
            async move {
                guest_entered();
                crowd.enter();
                tokio::time::sleep(Duration::from_millis(100)).await;
                crowd.leave();
                guest_left();
                proceed()
            }
        });
    }
    for (limit, most) in [(1, 1), (3, 3), (5, 5)] {
        live.0.store(limit, Ordering::Relaxed);
        world.announce(Some("alice"), "t", "0");
        world.dispatcher.idle().await;
        assert_eq!(crowd.most(), most);
    }
}

// dispatch case 19
#[tokio::test(start_paused = true)]
async fn a_capsule_whose_handlers_flood_it_for_alice_keeps_bob_waiting_for_one_turn_at_most() {
    let world = Arc::new(World::new());
    let bob = Seen::default();
    for (n, own, other) in [(1u128, "ping", "pong"), (2, "pong", "ping")] {
        let (w, bob) = (Arc::downgrade(&world), bob.clone());
        world.capsule(n, own, 100, move |call| {
            let (w, bob) = (w.clone(), bob.clone());
            async move {
                guest_entered();
                tokio::time::sleep(Duration::from_millis(2)).await;
                guest_left();
                let Some(world) = w.upgrade() else { return proceed() };
                match call.authority.unwrap().as_str() {
                    "alice" => drop(world.publish(draft(Some("alice"), other, "0")).await),
                    who => bob.note(who),
                }
                proceed()
            }
        });
    }
    for _ in 0..60 {
        world.announce(Some("alice"), "ping", "0");
        world.announce(Some("alice"), "pong", "0");
    }
    let mut waits = Vec::new();
    for n in 0..100 {
        tokio::time::sleep(Duration::from_millis(3)).await;
        let began = tokio::time::Instant::now();
        world.announce(Some("bob"), "ping", "0");
        while bob.all().len() <= n {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        waits.push(began.elapsed());
    }
    waits.sort();
    assert!(waits[98] < Duration::from_millis(50), "{:?}", waits[98]);
    // The flood never ends by itself.
    for n in [1, 2] {
        world.unload(astrid_host_context::Uuid::from_u128(n));
    }
}
