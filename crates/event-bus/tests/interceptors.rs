//! Slots before delivery: all or nothing, in order, within a deadline, and never in a circle.

mod common;

use std::time::Duration;

use astrid_event_bus::*;
use astrid_host_context::Uuid;
use common::*;
use tokio::time::Instant;

fn bus(sink: &std::sync::Arc<FakeSink>) -> Bus {
    Bus::builder().interceptors(sink.clone()).build()
}

// ipc case 33
#[tokio::test]
async fn a_binding_matches_by_equal_count_and_a_subscription_by_subtree() {
    let sink = FakeSink::new(64);
    let bus = bus(&sink);
    let _bound = bus.bind(binding(1, "a.b.*", "h", 100));
    let inbox = subscribe(&bus, "a.b.*", Admission::Everyone);
    for to in ["a.b", "a.b.c", "a.b.c.d.e"] {
        publish(&bus, draft("alice", to)).await.unwrap();
    }
    assert_eq!(sink.handed.lock().iter().map(|(m, _)| m.topic().to_string()).collect::<Vec<_>>(), ["a.b.c"]);
    let got: Vec<_> = drain_all(&inbox).0.iter().map(|m| m.topic().to_string()).collect();
    assert_eq!(got, ["a.b.c", "a.b.c.d.e"]);
}

#[tokio::test]
async fn work_is_handed_over_by_priority_then_capsule_then_action() {
    let sink = FakeSink::new(64);
    let bus = bus(&sink);
    let _bound = [
        bus.bind(binding(2, "t", "b2", 10)),
        bus.bind(binding(1, "t", "z1", 10)),
        bus.bind(binding(1, "*", "a1", 10)),
        bus.bind(binding(3, "t", "late", 100)),
        bus.bind(binding(9, "t", "first", 1)),
    ];
    let report = publish(&bus, draft("alice", "t")).await.unwrap();
    assert_eq!(report.handed_over, 5);
    assert_eq!(sink.handed.lock()[0].1, ["first", "a1", "z1", "b2", "late"]);
}

// ipc case 47
#[tokio::test(start_paused = true)]
async fn a_65th_publish_waits_for_a_slot_and_goes_out_when_one_is_freed() {
    let sink = FakeSink::new(64);
    let bus = bus(&sink);
    let _bound = bus.bind(binding(1, "t", "h", 100));
    for _ in 0..64 {
        publish(&bus, draft("alice", "t")).await.unwrap();
    }
    let start = Instant::now();
    let freeing = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        sink.finish_one();
    };
    let (result, ()) = tokio::join!(publish(&bus, draft("alice", "t")), freeing);
    assert_eq!(result.unwrap().handed_over, 1);
    assert_eq!(start.elapsed(), Duration::from_millis(300));
}

// ipc case 47
#[tokio::test(start_paused = true)]
async fn a_queue_that_stays_full_refuses_the_publish_for_everybody() {
    let sink = FakeSink::new(1);
    let bus = bus(&sink);
    let _bound = [bus.bind(binding(1, "t", "full", 100)), bus.bind(binding(2, "t", "roomy", 100))];
    let inbox = subscribe(&bus, "t", Admission::Everyone);
    let mut kernel = bus.observe(AccessPattern::host("*").unwrap());
    publish(&bus, draft("alice", "t")).await.unwrap();
    sink.finish(Uuid::from_u128(2));
    let start = Instant::now();
    assert_eq!(publish(&bus, draft("alice", "t")).await, Err(Refused::Backpressure));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    assert_eq!(seqs(&inbox.drain().unwrap()), [1]);
    assert_eq!(kernel.try_recv().unwrap().unwrap().seq(), 1);
    assert!(kernel.try_recv().unwrap().is_none());
    assert_eq!(sink.handed.lock().len(), 1);
    // The slot taken at the roomy handler went back.
    assert_eq!(sink.free_slots(Uuid::from_u128(2)), 1);
}

// ipc case 48
#[tokio::test(start_paused = true)]
async fn two_handlers_that_publish_to_each_others_full_queue_do_not_deadlock() {
    let sink = FakeSink::new(1);
    let bus = bus(&sink);
    let _bound = [bus.bind(binding(1, "to.a", "a", 100)), bus.bind(binding(2, "to.b", "b", 100))];
    publish(&bus, draft("alice", "to.a")).await.unwrap();
    publish(&bus, draft("alice", "to.b")).await.unwrap();
    let from = |n: u128, to: &str| publish(&bus, draft("alice", to).source(Uuid::from_u128(n)));
    let start = Instant::now();
    let one_refused = async {
        let a = from(1, "to.b");
        tokio::pin!(a);
        tokio::select! {
            biased;
            _ = &mut a => unreachable!("nothing frees a slot yet"),
            b = from(2, "to.a") => b,
        }
    };
    assert_eq!(one_refused.await, Err(Refused::Cycle));
    assert!(start.elapsed() < Duration::from_millis(10));
}

#[tokio::test]
async fn a_retired_target_is_skipped_and_the_rest_is_served() {
    let sink = FakeSink::new(1);
    let bus = bus(&sink);
    let gone = binding(1, "t", "gone", 100);
    let closed = binding(3, "t", "closed", 100);
    sink.retired.lock().push(gone.capsule_uuid);
    closed.gate.close();
    let _bound = [bus.bind(gone), bus.bind(binding(2, "t", "there", 100)), bus.bind(closed)];
    assert_eq!(publish(&bus, draft("alice", "t")).await.unwrap().handed_over, 1);
    assert_eq!(sink.handed.lock()[0].1, ["there"]);
}

// ipc case 14
#[tokio::test]
async fn handlers_come_before_subscriptions_within_the_256() {
    let sink = FakeSink::new(1);
    let bus = bus(&sink);
    let inboxes: Vec<_> = (0..255).map(|_| subscribe(&bus, "t", Admission::Everyone)).collect();
    let _bound = [bus.bind(binding(1, "t", "a", 100)), bus.bind(binding(2, "t", "b", 100))];
    let report = publish(&bus, draft("alice", "t")).await.unwrap();
    assert_eq!((report.handed_over, report.delivered, report.capped), (2, 254, 1));
    let last = inboxes.last().unwrap().drain().unwrap();
    assert_eq!((last.messages.len(), last.dropped, last.lagged), (0, 1, 0));
}

#[tokio::test]
async fn more_than_256_handlers_are_cut_in_order_and_the_sink_hears_of_it() {
    let sink = FakeSink::new(1);
    let bus = bus(&sink);
    let _bound: Vec<_> =
        (1..=257).map(|n| bus.bind(binding(n, "t", &format!("h{n}"), 300 - n as u32))).collect();
    let report = publish(&bus, draft("alice", "t")).await.unwrap();
    assert_eq!((report.handed_over, report.capped), (256, 1));
    assert_eq!(*sink.missed.lock(), [("h1".to_owned(), NoSlot::Capped)]);
}

#[tokio::test]
async fn a_host_message_passes_a_full_handler_by_and_says_so() {
    let sink = FakeSink::new(1);
    let bus = bus(&sink);
    let _bound = [bus.bind(binding(1, "t", "a", 100)), bus.bind(binding(2, "t", "b", 100))];
    let inbox = subscribe(&bus, "t", Admission::Everyone);
    bus.announce(draft("alice", "t"));
    sink.finish_one();
    let report = bus.announce(draft("alice", "t"));
    assert_eq!((report.handed_over, report.refused, report.delivered), (1, 1, 1));
    assert_eq!(*sink.missed.lock(), [("b".to_owned(), NoSlot::Full)]);
    assert_eq!(drain_all(&inbox).0.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_publisher_no_longer_admitted_after_the_wait_publishes_nothing() {
    let sink = FakeSink::new(1);
    let bus = bus(&sink);
    let _bound = bus.bind(binding(1, "t", "a", 100));
    let inbox = subscribe(&bus, "t", Admission::Everyone);
    let result = bus.publish(draft("alice", "t"), Duration::from_secs(1), || Err("retired")).await;
    assert_eq!(result, Err(Refused::NotAdmitted("retired")));
    assert_eq!(sink.free_slots(Uuid::from_u128(1)), 1);
    assert_eq!(bus.stats().published, 0);
    assert!(inbox.drain().unwrap().messages.is_empty());
}

#[tokio::test]
async fn replies_to_the_hosts_prompts_reach_no_handler() {
    let sink = FakeSink::new(1);
    let bus = bus(&sink);
    let _bound = bus.bind(binding(1, "astrid.v1.approval.response.*", "spy", 100));
    assert_eq!(publish(&bus, draft("alice", "astrid.v1.approval.response.x")).await.unwrap().handed_over, 0);
}

// ipc case 37
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_generations_change_each_event_reaches_exactly_one_handler() {
    let sink = FakeSink::new(100_000);
    let bus = bus(&sink);
    let (old, new) = (binding(1, "t", "old", 100), binding(2, "t", "new", 100));
    new.gate.close();
    let (from, to) = (old.gate.clone(), new.gate.clone());
    let _bound = [bus.bind(old), bus.bind(new)];
    let publisher = {
        let bus = bus.clone();
        tokio::spawn(async move {
            for _ in 0..5_000 {
                assert_eq!(publish(&bus, draft("alice", "t")).await.unwrap().handed_over, 1);
            }
        })
    };
    let mut gates = (from, to);
    // A bounded number: each change sends a publish that is under way back to its slots.
    for _ in 0..500 {
        bus.exchange(&gates.0, &gates.1);
        std::mem::swap(&mut gates.0, &mut gates.1);
        tokio::task::yield_now().await;
    }
    publisher.await.unwrap();
    assert!(sink.handed.lock().iter().all(|(_, actions)| actions.len() == 1));
}
