//! Loops of handlers end at the eighth return, and a chain that waits elsewhere never does.

use std::sync::Arc;

use crate::common::*;
use astrid_event_bus::*;
use astrid_host_context::{CapsuleId, Uuid};
use parking_lot::Mutex;

/// Always has room, and remembers what it was handed.
#[derive(Default)]
struct Sink(Mutex<Vec<(Message, Uuid)>>);

impl InterceptorSink for Sink {
    fn try_reserve(&self, _: &Draft, _: &Arc<Binding>) -> Result<Slot, NoSlot> {
        Ok(Slot::new(()))
    }

    fn reserve<'a>(&'a self, draft: &'a Draft, binding: &'a Arc<Binding>) -> Reserving<'a> {
        Box::pin(async move { self.try_reserve(draft, binding) })
    }

    fn hand_over(&self, message: &Message, what: HandOver) {
        self.0.lock().extend(what.work.iter().map(|a| (message.clone(), a.binding.capsule_uuid)));
    }
}

const C: Uuid = Uuid::from_u128(1);
const D: Uuid = Uuid::from_u128(2);

fn bind(bus: &Bus, capsule: Uuid, topic: &str) -> BindingGuard {
    bus.bind(Binding {
        pattern: AccessPattern::parse(topic, Charset::Token).unwrap(),
        capsule: CapsuleId::parse("c").unwrap(),
        capsule_uuid: capsule,
        action: "h".into(),
        priority: 100,
        gate: Gate::opened(),
    })
}

/// Runs handlers, each of which publishes on `reply(capsule)`, until none is left or `limit` ran.
/// Returns what each publish answered.
async fn run(
    sink: &Sink,
    bus: &Bus,
    limit: usize,
    waits: bool,
    reply: fn(Uuid) -> &'static str,
) -> Vec<Result<(), Arm>> {
    let mut answers = Vec::new();
    while answers.len() < limit {
        let Some((message, capsule)) = sink.0.lock().pop() else { break };
        let mut handler = store(bus).own(|own| own.capsule_uuid(capsule)).build();
        handler.handle(&message);
        if waits {
            handler.call.progress().mark_waited_outside();
        }
        answers.push(handler.say(reply(capsule)).await);
    }
    answers
}

fn setup() -> (Arc<Sink>, Bus) {
    let sink = Arc::new(Sink::default());
    let bus = Bus::builder().interceptors(sink.clone()).build();
    (sink, bus)
}

// ipc case 15
#[tokio::test]
async fn a_handler_that_republishes_its_own_topic_is_refused_in_its_ninth_run() {
    let (sink, bus) = setup();
    let _bound = bind(&bus, C, "t");
    store(&bus).own(|own| own.capsule_uuid(Uuid::from_u128(9))).build().say("t").await.unwrap();
    let answers = run(&sink, &bus, 100, false, |_| "t").await;
    assert_eq!(answers.len(), 9);
    assert!(answers[..8].iter().all(Result::is_ok));
    assert_eq!(answers[8], Err("rate-limited"));
}

// ipc case 15
#[tokio::test]
async fn a_ping_pong_of_two_capsules_ends_at_the_tenth_publish() {
    let (sink, bus) = setup();
    let _bound = [bind(&bus, C, "to.c"), bind(&bus, D, "to.d")];
    store(&bus).own(|own| own.capsule_uuid(Uuid::from_u128(9))).build().say("to.c").await.unwrap();
    let answers = run(&sink, &bus, 100, false, |me| if me == C { "to.d" } else { "to.c" }).await;
    assert_eq!(answers.len(), 10);
    assert!(answers[..9].iter().all(Result::is_ok));
    assert_eq!(answers[9], Err("rate-limited"));
}

// ipc case 16, dispatch case 19 (the wait itself belongs to the domain that waits; here is what it means to ipc)
#[tokio::test]
async fn a_handler_that_waited_outside_the_bus_starts_a_new_chain() {
    let (sink, bus) = setup();
    let _bound = bind(&bus, C, "t");
    store(&bus).build().say("t").await.unwrap();
    let answers = run(&sink, &bus, 100, true, |_| "t").await;
    assert_eq!(answers.len(), 100);
    assert!(answers.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn a_recv_that_blocked_counts_as_such_a_wait_and_one_that_did_not_does_not() {
    let bus = Bus::new();
    let mut c = store(&bus).build();
    c.handle_for("alice");
    let inbox = c.ipc().subscribe("t").unwrap();
    c.say("t").await.unwrap();
    c.ipc().recv(&inbox, 10).await.unwrap();
    c.ipc().recv(&inbox, 0).await.unwrap();
    assert!(!c.call.progress().has_waited_outside());
    c.ipc().recv(&inbox, 10).await.unwrap();
    assert!(c.call.progress().has_waited_outside());
}
