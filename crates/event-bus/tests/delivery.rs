//! Who gets a message, in which order, and what is lost when somebody does not drain.

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use astrid_event_bus::*;
use astrid_host_context::{Attribution, CapsuleId, Principal, Provenance, Uuid};
use common::*;

struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

// ipc case 14
#[tokio::test]
async fn the_257th_subscriber_is_left_out_and_its_next_envelope_says_so() {
    let bus = Bus::new();
    let mut inboxes: Vec<_> = (0..256).map(|_| subscribe(&bus, "t", Admission::Everyone)).collect();
    let report = publish(&bus, draft("alice", "t")).await.unwrap();
    assert_eq!((report.delivered, report.capped), (256, 0));
    // By wildcard, so that the order is that of creation and not of the index.
    inboxes.push(subscribe(&bus, "t.*", Admission::Everyone));
    inboxes.push(subscribe(&bus, "t", Admission::Everyone));
    let report = publish(&bus, draft("alice", "t")).await.unwrap();
    assert_eq!((report.delivered, report.capped), (256, 1));
    assert!(inboxes.iter().take(256).all(|i| drain_all(i).0.len() == 2));
    let left_out = inboxes.last().unwrap().drain().unwrap();
    assert_eq!((left_out.messages.len(), left_out.dropped, left_out.lagged), (0, 1, 0));
    assert_eq!(inboxes.last().unwrap().drain().unwrap().dropped, 0);
}

// ipc case 17
#[tokio::test]
async fn a_subscriber_that_never_drains_loses_the_oldest_and_stops_nobody() {
    let bus = Bus::new();
    let inbox = subscribe(&bus, "t", Admission::Everyone);
    let json = format!("\"{}\"", "x".repeat(1_022));
    for _ in 0..2_000 {
        publish(&bus, draft_of(verified("alice"), "t", &json)).await.unwrap();
    }
    let first = inbox.drain().unwrap();
    let (rest, later_dropped, lagged) = drain_all(&inbox);
    let retained = first.messages.len() + rest.len();
    let bytes: usize = first.messages.iter().chain(&rest).map(Message::size).sum();
    assert!(bytes <= QueueLimits::default().bytes && retained > 1_000);
    assert_eq!(rest.last().unwrap().seq(), 2_000);
    assert_eq!((first.dropped, first.lagged), (2_000 - retained as u64, 2_000 - retained as u64));
    assert_eq!((later_dropped, lagged), (0, first.lagged));
}

// ipc case 21
#[tokio::test]
async fn a_flood_that_a_route_does_not_admit_neither_evicts_nor_wakes() {
    let bus = Bus::new();
    let inbox = subscribe(&bus, "t", of("bob"));
    publish(&bus, draft("bob", "t")).await.unwrap();
    inbox.drain().unwrap();
    let woken = Arc::new(Woken(AtomicUsize::new(0)));
    let waker = Waker::from(woken.clone());
    let mut watch = inbox.watch();
    assert!(watch.poll_ready(&mut Context::from_waker(&waker)).is_pending());
    let json = format!("\"{}\"", "x".repeat(1_048_574));
    for _ in 0..100 {
        let report = publish(&bus, draft_of(verified("alice"), "t", &json)).await.unwrap();
        assert_eq!(report.delivered, 0);
    }
    assert_eq!(woken.0.load(Ordering::SeqCst), 0);
    publish(&bus, draft("bob", "t")).await.unwrap();
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    let envelope = inbox.drain().unwrap();
    assert_eq!((envelope.messages.len(), envelope.dropped, envelope.lagged), (1, 0, 0));
}

// ipc case 29
#[tokio::test]
async fn a_handlers_waiter_sees_its_principal_alone_and_an_owners_loop_also_the_host() {
    let bus = Bus::new();
    let exactly = |name| Admission::Exactly { principal: Some(principal(name)), claim: None };
    let waiter = subscribe(&bus, "p.v1.r", exactly("alice"));
    let pump = subscribe(&bus, "p.v1.r", of("alice"));
    for provenance in [verified("alice"), verified("bob"), Provenance::system()] {
        publish(&bus, draft_of(provenance, "p.v1.r", "0")).await.unwrap();
    }
    assert_eq!(drain_all(&waiter).0.iter().map(Message::seq).collect::<Vec<_>>(), [1]);
    assert_eq!(drain_all(&pump).0.iter().map(Message::seq).collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test]
async fn unproven_claimants_of_different_names_do_not_hear_each_other() {
    let bus = Bus::new();
    let claimed = |name| Provenance::of(Attribution::Claimed(principal(name)));
    let waiter = |name, claim| {
        subscribe(
            &bus,
            "r",
            Admission::Exactly { principal: Some(principal(name)), claim: Some(principal(claim)) },
        )
    };
    let (anonymous_alice, alice) = (waiter("anonymous", "alice"), waiter("alice", "alice"));
    publish(&bus, draft_of(claimed("alice"), "r", "0")).await.unwrap();
    publish(&bus, draft_of(claimed("bob"), "r", "0")).await.unwrap();
    publish(&bus, draft_of(claimed("alice"), "r", "0").delegated()).await.unwrap();
    assert_eq!(seqs(&anonymous_alice.drain().unwrap()), [1]);
    assert_eq!(seqs(&alice.drain().unwrap()), [3]);
}

#[tokio::test]
async fn claims_wait_in_the_relays_lane_and_never_share_an_envelope() {
    let bus = Bus::new();
    let inbox = subscribe(&bus, "t", Admission::Everyone);
    for n in 0..3 {
        let claim = Provenance::of(Attribution::Claimed(principal(&format!("p{n}"))));
        publish(&bus, draft_of(claim, "t", "0").charged_to(principal("relay"))).await.unwrap();
    }
    publish(&bus, draft("bob", "t")).await.unwrap();
    let order: Vec<_> = (0..4).flat_map(|_| seqs(&inbox.drain().unwrap())).collect();
    assert_eq!(order, [1, 4, 2, 3]);
}

// ipc case 10
#[tokio::test]
async fn prompts_replies_and_private_notices_reach_only_whom_they_are_for() {
    let bus = Bus::new();
    let broad = subscribe(&bus, "astrid.*", Admission::Everyone);
    let mut kernel = bus.observe(AccessPattern::host("astrid.v1.elicit.response.*").unwrap());
    publish(&bus, draft_of(Provenance::system(), "astrid.v1.elicit", "0")).await.unwrap();
    publish(&bus, draft("alice", "astrid.v1.elicit.response.7")).await.unwrap();
    assert_eq!(seqs(&broad.drain().unwrap()), [1]);
    assert_eq!(kernel.recv().await.unwrap().seq(), 2);

    let in_capsule = |capsule: &str, admission| {
        let audience = Audience { capsule: CapsuleId::parse(capsule).unwrap(), ..audience(admission) };
        bus.subscribe(Pattern::parse("astrid.process.*", Charset::Token).unwrap(), audience, &Gate::opened())
    };
    let own = in_capsule("mine", of("alice"));
    let others = [
        in_capsule("mine", of("bob")),
        in_capsule("theirs", of("alice")),
        in_capsule("theirs", Admission::Everyone),
    ];
    let notice = draft("alice", "astrid.process.v1.exited.1").private_to(CapsuleId::parse("mine").unwrap());
    bus.announce(notice);
    assert_eq!(drain_all(&own).0.len(), 1);
    for other in &others {
        let (messages, dropped, _) = drain_all(other);
        assert_eq!((messages.len(), dropped), (0, 0));
    }
    let unaddressed = draft_of(Provenance::system(), "astrid.process.v1.exited.2", "0");
    bus.announce(unaddressed.private_to(CapsuleId::parse("mine").unwrap()));
    assert_eq!(drain_all(&own).0.len(), 0);
}

// ipc case 34, dispatch case 33
#[tokio::test]
async fn audit_entries_are_their_principals_own_without_read_all() {
    let bus = Bus::new();
    let with = |reads_all_audit, admission| {
        let audience = Audience { reads_all_audit, ..audience(admission) };
        bus.subscribe(Pattern::parse("astrid.*", Charset::Token).unwrap(), audience, &Gate::opened())
    };
    let plain = [with(false, of("alice")), with(false, Admission::Everyone)];
    let auditor = with(true, of("alice"));
    for name in ["alice", "bob"] {
        bus.announce(draft(name, AUDIT_TOPIC));
    }
    bus.announce(draft("bob", "astrid.v1.other"));
    assert_eq!(drain_all(&plain[0]).0.iter().map(Message::seq).collect::<Vec<_>>(), [1]);
    assert_eq!(drain_all(&plain[1]).0.iter().map(Message::seq).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(drain_all(&auditor).0.iter().map(Message::seq).collect::<Vec<_>>(), [1, 2]);
}

// ipc case 35
#[tokio::test]
async fn two_subscriptions_of_one_pattern_are_independent() {
    let bus = Bus::new();
    let (a, b) = (subscribe(&bus, "t", of("alice")), subscribe(&bus, "t", of("alice")));
    publish(&bus, draft("alice", "t")).await.unwrap();
    assert_eq!(drain_all(&a).0.len(), 1);
    assert_eq!(drain_all(&b).0.len(), 1);
}

// ipc case 36
#[test]
fn a_publish_that_starts_after_subscribe_returned_is_seen_and_an_earlier_one_is_not() {
    let bus = Bus::new();
    let (started, answered) = (std::sync::mpsc::channel::<u64>(), std::sync::mpsc::channel::<u64>());
    let publisher = {
        let bus = bus.clone();
        std::thread::spawn(move || {
            for _ in started.1 {
                answered.0.send(bus.announce(draft("alice", "t")).seq).unwrap();
            }
        })
    };
    for _ in 0..10_000 {
        started.0.send(0).unwrap();
        answered.1.recv().unwrap();
        let inbox = subscribe(&bus, "t", Admission::Everyone);
        started.0.send(0).unwrap();
        let seq = answered.1.recv().unwrap();
        assert_eq!(seqs(&inbox.drain().unwrap()), [seq]);
    }
    drop(started.0);
    publisher.join().unwrap();
    assert!(bus.is_idle());
}

// ipc case 37
#[tokio::test]
async fn a_staged_runtime_hears_nothing_until_its_gate_opens() {
    let bus = Bus::new();
    let gate = Gate::closed();
    let pattern = Pattern::parse("t", Charset::Token).unwrap();
    let inbox = bus.subscribe(pattern, audience(Admission::Everyone), &gate);
    publish(&bus, draft("alice", "t")).await.unwrap();
    let envelope = inbox.drain().unwrap();
    assert_eq!((envelope.messages.len(), envelope.dropped, envelope.lagged), (0, 0, 0));
    gate.open();
    publish(&bus, draft("alice", "t")).await.unwrap();
    assert_eq!(seqs(&inbox.drain().unwrap()), [2]);
}

// ipc case 37
#[test]
fn while_generations_change_each_event_reaches_exactly_one() {
    let bus = Bus::new();
    let gates = [Gate::opened(), Gate::closed()];
    let pattern = || Pattern::parse("t", Charset::Token).unwrap();
    let inboxes = [0, 1].map(|n| bus.subscribe(pattern(), audience(Admission::Everyone), &gates[n]));
    let publishers: Vec<_> = ["alice", "bob", "carol"]
        .map(|name| {
            let bus = bus.clone();
            std::thread::spawn(move || {
                for _ in 0..4_000 {
                    assert_eq!(bus.announce(draft(name, "t")).delivered, 1);
                }
            })
        })
        .into();
    let mut turn = 0;
    while !publishers.iter().all(std::thread::JoinHandle::is_finished) {
        bus.exchange(&gates[turn % 2], &gates[(turn + 1) % 2]);
        turn += 1;
    }
    publishers.into_iter().for_each(|p| p.join().unwrap());
    let all: usize = inboxes.iter().map(|i| drain_all(i).0.len()).sum();
    assert_eq!(all, 12_000);
}

// ipc case 44
#[tokio::test]
async fn readiness_is_a_level_that_probing_does_not_consume() {
    let bus = Bus::new();
    let gate = Gate::opened();
    let pattern = Pattern::parse("t", Charset::Token).unwrap();
    let inbox = bus.subscribe(pattern, audience(Admission::Everyone), &gate);
    let watch = inbox.watch();
    assert_eq!(watch.condition(), Condition::Empty);
    publish(&bus, draft("alice", "t")).await.unwrap();
    assert_eq!([watch.condition(), watch.condition()], [Condition::Messages; 2]);
    assert_eq!(inbox.wait().await, Condition::Messages);
    drain_all(&inbox);
    assert_eq!(watch.condition(), Condition::Empty);
    let (condition, ()) = tokio::join!(inbox.wait(), async { gate.retire() });
    assert_eq!(condition, Condition::Retired);
    assert_eq!(inbox.drain().unwrap_err(), Closed);
}

// ipc case 45
#[tokio::test]
async fn a_dropped_subscription_costs_a_publish_nothing_and_its_watch_says_it_is_gone() {
    let bus = Bus::new();
    let inbox = subscribe(&bus, "t.*", Admission::Everyone);
    let watch = inbox.watch();
    publish(&bus, draft("alice", "t.x")).await.unwrap();
    drop(inbox);
    assert_eq!(watch.condition(), Condition::Dropped);
    assert!(bus.is_idle());
    assert_eq!(publish(&bus, draft("alice", "t.x")).await.unwrap().delivered, 0);
}

// ipc case 49
#[test]
fn eight_publishers_of_one_principal_keep_their_own_orders_and_nothing_is_unaccounted() {
    static NEXT: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];
    let bus = Bus::new();
    let inbox = subscribe(&bus, "t", Admission::Everyone);
    let publishers: Vec<_> = (0..8_usize)
        .map(|n| {
            let bus = bus.clone();
            std::thread::spawn(move || {
                for _ in 0..10_000 {
                    let count = NEXT[n].fetch_add(1, Ordering::SeqCst);
                    let draft = draft_of(verified("alice"), "t", &count.to_string());
                    bus.announce(draft.source(Uuid::from_u128(n as u128 + 1)));
                }
            })
        })
        .collect();
    let (mut delivered, mut dropped, mut last) = (0, 0, HashMap::<Uuid, u64>::new());
    let mut last_seq = 0;
    loop {
        let over = publishers.iter().all(std::thread::JoinHandle::is_finished);
        let envelope = inbox.drain().unwrap();
        dropped += envelope.dropped;
        for message in &envelope.messages {
            let count: u64 = message.payload().as_str().parse().unwrap();
            assert!(last.insert(message.source(), count).is_none_or(|before| before < count));
            assert!(message.seq() > last_seq);
            last_seq = message.seq();
            delivered += 1;
        }
        if over && envelope.messages.is_empty() {
            break;
        }
    }
    assert_eq!(delivered + dropped, 80_000);
}

#[tokio::test]
async fn an_observer_that_is_too_slow_hears_how_much_it_missed() {
    let bus = Bus::new();
    let mut kernel = bus.observe_with_capacity(AccessPattern::host("*").unwrap(), 4);
    for _ in 0..10 {
        bus.announce(draft("alice", "any.thing"));
    }
    assert_eq!(kernel.recv().await.unwrap_err(), Missed::Lagged(6));
    assert_eq!(kernel.recv().await.unwrap().seq(), 7);
    assert!(bus.is_idle());
}

#[tokio::test]
async fn numbers_rise_by_one_and_a_message_keeps_its_makers_identity() {
    let bus = Bus::new();
    let inbox = subscribe(&bus, "t", Admission::Everyone);
    let source = Uuid::from_u128(7);
    for expected in 1..=3 {
        assert_eq!(publish(&bus, draft("alice", "t").source(source)).await.unwrap().seq, expected);
    }
    let messages = drain_all(&inbox).0;
    assert!(messages.iter().all(|m| m.source() == source));
    assert_eq!(messages[0].authority().map(Principal::as_str), Some("alice"));
}

// dispatch case 4
#[test]
fn a_thousand_messages_of_eight_threads_are_numbered_without_gap_and_in_order_for_each_principal() {
    let bus = Bus::new();
    let inboxes = [subscribe(&bus, "t", Admission::Everyone), subscribe(&bus, "t", Admission::Everyone)];
    std::thread::scope(|threads| {
        for n in 0..8 {
            let bus = &bus;
            threads.spawn(move || {
                // Two threads a principal.
                for _ in 0..125 {
                    bus.announce(draft(&format!("p{}", n % 4), "t"));
                }
            });
        }
    });
    for inbox in &inboxes {
        let (messages, _, _) = drain_all(inbox);
        let mut numbers: Vec<_> = messages.iter().map(Message::seq).collect();
        for p in 0..4 {
            let name = principal(&format!("p{p}"));
            let of: Vec<_> =
                messages.iter().filter(|m| m.authority() == Some(&name)).map(Message::seq).collect();
            assert!(of.is_sorted() && of.len() == 250);
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=1_000).collect::<Vec<_>>());
    }
}

// dispatch case 12
#[tokio::test]
async fn a_flooded_subscription_returns_the_other_principals_message_within_two_drains() {
    let bus = Bus::new();
    let inbox = subscribe(&bus, "t", Admission::Everyone);
    for _ in 0..20_000 {
        bus.announce(draft("alice", "t"));
    }
    bus.announce(draft("bob", "t"));
    let (first, second) = (inbox.drain().unwrap(), inbox.drain().unwrap());
    let from = |envelope: &Envelope| envelope.messages[0].authority().cloned();
    assert_eq!([from(&first), from(&second)], [Some(principal("alice")), Some(principal("bob"))]);
    assert!(second.lagged > 0);
}

// principals §6
#[tokio::test]
async fn what_waits_for_a_revoked_principal_is_given_up_in_every_subscription() {
    let bus = Bus::new();
    let patterns = ["a.b", "a.*"];
    let inboxes = patterns.map(|pattern| subscribe(&bus, pattern, Admission::Everyone));
    for who in ["alice", "bob", "alice"] {
        publish(&bus, draft(who, "a.b")).await.unwrap();
    }
    assert_eq!(bus.discard_queued_of(&principal("alice")), 4);
    for (inbox, pattern) in inboxes.iter().zip(patterns) {
        let envelope = inbox.drain().unwrap();
        assert_eq!((seqs(&envelope), envelope.dropped), (vec![2], 2), "{pattern}");
        assert_eq!(inbox.condition(), Condition::Empty);
    }
    publish(&bus, draft("alice", "a.b")).await.unwrap();
    assert_eq!(seqs(&inboxes[0].drain().unwrap()), [4], "and again, if it is served again");
}
