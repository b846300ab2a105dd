//! What unloading ends, and that it leaves nothing.

use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use crate::support::{Place, call};
use astrid_capsule::{Capsule, HandlerResult};
use serde_json::json;

// lifecycle case 26
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_in_flight_end_in_a_result_or_are_told_that_the_capsule_stops() {
    let place = Place::new();
    let change = |config: &mut astrid_capsule::Config| {
        config.instance_pool_size = Some(8);
        // All twenty are admitted at once.
        config.fuel_per_second = u64::MAX / 4;
    };
    let runtime = place.runtime_with(change).await;
    let capsule = runtime.load(place.probe("probe")).await.unwrap();
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (capsule, begun) = (capsule.clone(), begun.clone());
            let input = json!({ "topic": "probe.v1.in.x", "timeout": 60_000 });
            tokio::spawn(async move {
                let mut call = std::pin::pin!(call(&capsule, "alice", "recv-then-caller", input));
                let first = std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
                begun.send(()).unwrap();
                match first {
                    Poll::Ready(ended) => ended,
                    Poll::Pending => call.await,
                }
            })
        })
        .collect();
    for _ in 0..20 {
        begins.recv().await.unwrap();
    }
    // Eight are in the guest and wait; twelve wait for an instance.
    for _ in 0..8 {
        listening.recv().await.unwrap();
    }
    runtime.unload("probe").await.unwrap();
    for ended in calls {
        match ended.await.unwrap() {
            HandlerResult::Deny { reason } => assert_eq!(reason, "capsule is stopping"),
            HandlerResult::Final(_) | HandlerResult::Continue(_) => {}
        }
    }
}

// engines case 26
#[tokio::test]
async fn nothing_keeps_an_unloaded_capsule_alive() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let capsule = runtime.load(place.probe("probe")).await.unwrap();
    call(&capsule, "alice", "noop", json!({})).await;
    runtime.unload("probe").await.unwrap();
    let weak = Arc::downgrade(&capsule);
    drop(capsule);
    gone(&weak).await;
}

/// Waits until nobody has it any more: whoever looks over all capsules has each for a moment.
async fn gone(capsule: &Weak<dyn Capsule>) {
    let begun = std::time::Instant::now();
    while capsule.strong_count() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{} still have it", capsule.strong_count());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

// engines case 26
#[tokio::test]
async fn a_loop_that_waits_for_a_minute_is_gone_a_tenth_of_a_second_after_the_cancel() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let manifest =
        "[publish]\n\"looper.v1.answer\" = \"opaque\"\n[subscribe]\n\"looper.v1.ask\" = \"opaque\"\n";
    let dir = place.capsule("looper", &crate::support::guest("looper"), manifest);
    let capsule = runtime.load(dir).await.unwrap();
    capsule.wait_ready(Duration::from_secs(30)).await;
    // From here on time passes only where somebody waits for it, so what else the machine does counts for nothing.
    tokio::time::pause();
    let (begin, weak) = (tokio::time::Instant::now(), Arc::downgrade(&capsule));
    runtime.unload("looper").await.unwrap();
    assert!(begin.elapsed() <= Duration::from_millis(100), "{:?}", begin.elapsed());
    tokio::time::resume();
    drop(capsule);
    gone(&weak).await;
}
