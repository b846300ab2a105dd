use astrid_host_context::{Attribution, Principal, Provenance, Uuid};

use super::*;
use crate::{Draft, Payload, Topic};

fn provenance(name: &str) -> Provenance {
    Provenance::of(Attribution::Verified(Principal::parse(name).unwrap()))
}

fn message_of(provenance: Provenance, topic: &str, size: usize, seq: u64) -> Message {
    let json = if size < 2 { "0".to_owned() } else { format!("\"{}\"", "x".repeat(size - 2)) };
    Draft::new(Topic::host(topic).unwrap(), Payload::parse(json).unwrap(), provenance).into_message(seq)
}

/// Accounted size is exactly `size`.
fn message(name: &str, size: usize, seq: u64) -> Message {
    message_of(provenance(name), "t", size - 1, seq)
}

fn unbounded() -> Queue {
    Queue::new(QueueLimits { bytes: usize::MAX, ..QueueLimits::default() })
}

fn seqs(envelope: &Envelope) -> Vec<u64> {
    envelope.messages.iter().map(Message::seq).collect()
}

// ipc case 20
#[test]
fn busy_principals_get_equal_bytes_whatever_their_message_size() {
    let mut queue = unbounded();
    let mut bytes: HashMap<Lane, usize> = HashMap::new();
    for seq in 0..11_000 {
        queue.push(message("alice", 102_400, seq));
        queue.push(message("bob", 4_096, seq));
        if seq > 600 {
            break;
        }
    }
    for _ in 0..200 {
        let envelope = queue.drain();
        let first = envelope.messages.first().unwrap().clone();
        *bytes.entry(first.lane().clone()).or_default() +=
            envelope.messages.iter().map(Message::size).sum::<usize>();
        for drained in envelope.messages {
            let name = drained.authority().unwrap().as_str().to_owned();
            queue.push(message(&name, drained.size(), 0));
        }
    }
    let share = |name: &str| *bytes.get(&Lane::Of(Principal::parse(name).unwrap())).unwrap() as f64;
    let (alice, bob) = (share("alice"), share("bob"));
    assert!((alice - bob).abs() / alice.max(bob) < 0.10, "alice {alice} bob {bob}");
}

// ipc case 19
#[test]
fn one_message_behind_a_flood_of_another_principal_comes_in_the_second_envelope() {
    let mut queue = Queue::new(QueueLimits::default());
    for seq in 0..500 {
        queue.push(message("alice", 64, seq));
    }
    queue.push(message("bob", 64, 500));
    let envelopes = [queue.drain(), queue.drain()];
    assert_eq!(seqs(&envelopes[1]), [500]);
    assert!(envelopes[0].messages.iter().all(|m| m.authority().unwrap().as_str() == "alice"));
}

// ipc case 18
#[test]
fn the_16385th_message_of_a_lane_costs_exactly_its_oldest() {
    let mut queue = Queue::new(QueueLimits::default());
    for seq in 1..=16_384 {
        queue.push(message("alice", 2, seq));
    }
    assert_eq!((queue.dropped, queue.lagged), (0, 0));
    queue.push(message("alice", 2, 16_385));
    let first = queue.drain();
    assert_eq!((first.dropped, first.lagged), (1, 1));
    assert_eq!(first.messages.first().unwrap().seq(), 2);
    assert_eq!(queue.len() + first.messages.len(), 16_384);
}

// ipc case 22
#[test]
fn an_envelope_holds_at_most_256_messages_and_the_rest_stays() {
    let mut queue = Queue::new(QueueLimits::default());
    for seq in 0..300 {
        queue.push(message("alice", 2, seq));
    }
    let lens = [queue.drain(), queue.drain(), queue.drain()].map(|e| e.messages.len());
    assert_eq!(lens, [256, 44, 0]);
}

// ipc case 22
#[test]
fn of_two_messages_that_together_pass_the_budget_the_second_survives() {
    let mut queue = Queue::new(QueueLimits::default());
    queue.push(message("alice", 614_400, 1));
    queue.push(message("alice", 614_400, 2));
    let envelope = queue.drain();
    assert_eq!(seqs(&envelope), [2]);
    assert_eq!(envelope.dropped, 1);
}

// ipc case 6
#[test]
fn a_maximal_payload_on_a_maximal_topic_is_queued_and_drained() {
    let topic = format!("{}.{}", "a".repeat(127), "b".repeat(128));
    let mut queue = Queue::new(QueueLimits::default());
    queue.push(message_of(provenance("alice"), &topic, 1_048_576, 1));
    let envelope = queue.drain();
    assert_eq!((envelope.messages.len(), envelope.dropped), (1, 0));
    assert_eq!(envelope.messages.first().unwrap().size(), 1_048_832);
}

#[test]
fn a_message_over_the_whole_budget_is_lost_alone() {
    let mut queue = Queue::new(QueueLimits { bytes: 100, ..QueueLimits::default() });
    queue.push(message("alice", 50, 1));
    queue.push(message("alice", 101, 2));
    let envelope = queue.drain();
    assert_eq!(seqs(&envelope), [1]);
    assert_eq!((envelope.dropped, envelope.lagged), (1, 0));
}

#[test]
fn the_oldest_head_goes_first_whoever_it_belongs_to() {
    let mut queue = Queue::new(QueueLimits { bytes: 100, ..QueueLimits::default() });
    queue.push(message("bob", 10, 1));
    for seq in 2..=10 {
        queue.push(message("alice", 10, seq));
    }
    queue.push(message("alice", 10, 11));
    assert!(!queue.lanes.contains_key(&Lane::Of(Principal::parse("bob").unwrap())));
    queue.push(message("bob", 10, 12));
    let first = queue.drain();
    assert_eq!(seqs(&first), [3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!((first.dropped, first.lagged), (2, 2));
}

// ipc case 23
#[test]
fn an_envelope_ends_before_another_request_owner() {
    let owner = |n| Provenance { request_owner: Some(Uuid::from_u128(n)), ..provenance("alice") };
    let mut queue = Queue::new(QueueLimits::default());
    for (seq, n) in [(1, 1), (2, 1), (3, 2), (4, 1)] {
        queue.push(message_of(owner(n), "t", 4, seq));
    }
    assert_eq!(
        [queue.drain(), queue.drain(), queue.drain()].map(|e| seqs(&e)),
        [vec![1, 2], vec![3], vec![4]]
    );
}

// ipc case 50
#[test]
fn five_thousand_principals_drain_in_as_many_envelopes_and_leave_nothing_behind() {
    let mut queue = Queue::new(QueueLimits::default());
    for n in 0..5_000 {
        queue.push(message(&format!("p{n}"), 100, n));
    }
    for n in 0..5_000 {
        assert_eq!(seqs(&queue.drain()), [n]);
    }
    assert_eq!((queue.len, queue.bytes), (0, 0));
    assert!(queue.lanes.capacity() == 0 && queue.rotation.is_empty() && queue.heads.is_empty());
}

#[test]
fn a_head_larger_than_many_quanta_is_served_in_one_drain() {
    let mut queue = unbounded();
    for n in 0..256 {
        queue.push(message(&format!("p{n}"), 1_000_000, n));
    }
    for _ in 0..256 {
        assert_eq!(queue.drain().messages.len(), 1);
    }
    assert_eq!(queue.len(), 0);
}

#[test]
fn a_turn_that_the_message_cap_ends_saves_up_at_most_one_quantum() {
    let mut queue = unbounded();
    // Ten turns of tiny messages that use almost nothing of their share, a few more so that the lane
    // never empties, then equally large ones.
    for seq in 0..2_570 {
        queue.push(message("alice", 2, seq));
    }
    for _ in 0..400 {
        queue.push(message("bob", 100_000, 0));
    }
    for _ in 0..20 {
        queue.drain();
    }
    for _ in 0..300 {
        queue.push(message("alice", 100_000, 0));
    }
    let mut bytes: HashMap<Lane, usize> = HashMap::new();
    for _ in 0..20 {
        for drained in queue.drain().messages {
            *bytes.entry(drained.lane().clone()).or_default() += drained.size();
        }
    }
    let share = |name: &str| *bytes.get(&Lane::Of(Principal::parse(name).unwrap())).unwrap();
    let (alice, bob) = (share("alice"), share("bob"));
    assert!(alice.abs_diff(bob) <= 524_288 + 100_000, "alice {alice} bob {bob}");
}

// principals §6
#[test]
fn what_is_given_up_of_one_lane_is_counted_and_the_others_keep_their_turn() {
    let mut queue = unbounded();
    for seq in 0..6 {
        queue.push(message(if seq % 2 == 0 { "alice" } else { "bob" }, 100, seq));
    }
    let alice = Lane::Of(Principal::parse("alice").unwrap());
    assert_eq!(queue.discard(&alice), 3);
    assert_eq!(queue.discard(&alice), 0);
    let envelope = queue.drain();
    assert_eq!((seqs(&envelope), envelope.dropped, envelope.lagged), (vec![1, 3, 5], 3, 0));
    assert_eq!(queue.len(), 0);
    queue.push(message("alice", 100, 9));
    assert_eq!(seqs(&queue.drain()), [9]);
}
