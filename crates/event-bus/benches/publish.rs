//! What a publish costs, beside the floor of pushing into a locked queue and into a tokio channel.
//! `cargo bench -p astrid-event-bus`; prints nanoseconds (best of several rounds) and ratios.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set up must fail")]

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use astrid_event_bus::*;
use astrid_host_context::{Attribution, CapsuleId, Principal, Provenance};
use parking_lot::Mutex;

const ROUNDS: usize = 15;

/// Best nanoseconds a call: noise of a shared machine only ever adds.
fn best(calls: u32, mut body: impl FnMut()) -> f64 {
    let mut round = || {
        let start = Instant::now();
        for _ in 0..calls {
            body();
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn subscribe(bus: &Bus, pattern: &str) -> Subscription {
    let audience = Audience {
        capsule: CapsuleId::parse("bench").unwrap(),
        owner: None,
        admission: Admission::Everyone,
        reads_all_audit: false,
    };
    bus.subscribe(Pattern::parse(pattern, Charset::Token).unwrap(), audience, &Gate::opened())
}

fn draft(payload: &Payload) -> Draft {
    let alice = Principal::parse("alice").unwrap();
    let topic = Topic::parse("chat.v1.message.sent", Charset::Token).unwrap();
    Draft::new(topic, payload.clone(), Provenance::of(Attribution::Verified(alice)))
}

/// One publish to `near` subscribers beside `far` that asked for other things, drained as it goes.
fn publish(payload: &Payload, near: usize, far: usize) -> f64 {
    let bus = Bus::new();
    let _far: Vec<_> = (0..far)
        .map(|n| {
            subscribe(&bus, &if n % 2 == 0 { format!("other.v1.r{n}") } else { format!("chat.v1.x{n}.*") })
        })
        .collect();
    let near: Vec<_> = (0..near).map(|_| subscribe(&bus, "chat.v1.message.*")).collect();
    let calls = if near.len() > 1 { 200 } else { 5_000 };
    let draft = draft(payload);
    let mut since_drain = 0;
    best(calls, || {
        black_box(bus.announce(draft.clone()));
        since_drain += 1;
        if since_drain == 200 {
            since_drain = 0;
            near.iter().for_each(|inbox| drop(black_box(inbox.drain())));
        }
    })
}

fn main() {
    let payload = |len: usize| Payload::parse(format!("\"{}\"", "x".repeat(len - 2))).unwrap();
    let small = payload(100);

    let queue = Mutex::new(VecDeque::new());
    let item = Arc::new([0_u8; 100]);
    let floor = best(5_000, || {
        let mut queue = queue.lock();
        queue.push_back(item.clone());
        if queue.len() == 200 {
            queue.clear();
        }
    });
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let mut sent = 0;
    let channel = best(5_000, || {
        sender.send(item.clone()).unwrap();
        sent += 1;
        if sent == 200 {
            sent = 0;
            while receiver.try_recv().is_ok() {}
        }
    });
    println!("floor: locked VecDeque {floor:>8.0} ns, tokio mpsc {channel:>8.0} ns (push and take)");

    let alone = publish(&small, 1, 0);
    for far in [0, 100, 10_000] {
        let cost = publish(&small, 1, far);
        println!(
            "publish 100 B to 1, {far:>6} unrelated {cost:>8.0} ns  {:.2} x alone, {:.1} x mpsc",
            cost / alone,
            cost / channel
        );
    }
    println!("publish 1 KiB to 1                   {:>8.0} ns", publish(&payload(1_024), 1, 0));
    let all = publish(&small, 256, 0);
    println!("publish 100 B to 256                 {all:>8.0} ns  {:.0} ns each", all / 256.0);
    let all = publish(&small, 256, 10_000);
    println!("publish 100 B to 256, 10000 unrelated {all:>7.0} ns");

    for len in [100, 1_024, 65_536, 1_048_576] {
        let text = format!("{{\"a\":\"{}\"}}", "x".repeat(len - 8));
        let calls = if len > 60_000 { 20 } else { 2_000 };
        let cost = best(calls, || drop(black_box(Payload::parse(text.clone()))));
        println!("check a payload of {len:>8} B {cost:>8.0} ns");
    }
}
