//! A publish that waits for room at a handler, and what ends the wait.

use std::sync::Arc;
use std::time::Duration;

use crate::common::*;
use astrid_event_bus::*;
use astrid_host_context::{CapsuleId, Uuid};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// One queue with as many slots as the semaphore has; a `cycle` refuses waits instead of waiting.
struct Sink {
    slots: Arc<Semaphore>,
    cycle: bool,
}

impl InterceptorSink for Sink {
    fn try_reserve(&self, _: &Draft, _: &Arc<Binding>) -> Result<Slot, NoSlot> {
        self.slots.clone().try_acquire_owned().map(Slot::new).map_err(|_| NoSlot::Full)
    }

    fn reserve<'a>(&'a self, _: &'a Draft, _: &'a Arc<Binding>) -> Reserving<'a> {
        Box::pin(async move {
            if self.cycle {
                return Err(NoSlot::Cycle);
            }
            self.slots.clone().acquire_owned().await.map(Slot::new).map_err(|_| NoSlot::Gone)
        })
    }

    fn hand_over(&self, _: &Message, what: HandOver) {
        drop(what.work);
    }
}

struct Full {
    slots: Arc<Semaphore>,
    bus: Bus,
    inbox: Subscription,
    _bound: BindingGuard,
}

/// A bus with a full handler and a subscriber on `t`.
fn full(cycle: bool) -> Full {
    let slots = Arc::new(Semaphore::new(0));
    let bus = Bus::builder().interceptors(Arc::new(Sink { slots: slots.clone(), cycle })).build();
    let capsule = CapsuleId::parse("h").unwrap();
    let _bound = bus.bind(Binding {
        pattern: AccessPattern::parse("t", Charset::Token).unwrap(),
        capsule: capsule.clone(),
        capsule_uuid: Uuid::from_u128(7),
        action: "h".into(),
        priority: 100,
        gate: Gate::opened(),
    });
    let audience = Audience { capsule, owner: None, admission: Admission::Everyone, reads_all_audit: false };
    let inbox = bus.subscribe(Pattern::parse("t", Charset::Token).unwrap(), audience, &Gate::opened());
    Full { slots, bus, inbox, _bound }
}

impl Full {
    fn delivered(&self) -> usize {
        self.inbox.drain().unwrap().messages.len()
    }
}

// ipc case 28
#[tokio::test(start_paused = true)]
async fn retiring_the_principal_during_the_wait_denies_and_publishes_nothing() {
    let full = full(false);
    let mut c = store(&full.bus).build();
    c.handle_for("bob");
    let bob = c.call.cancellation().clone();
    let (result, ()) = tokio::join!(c.say("t"), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        bob.retire();
        full.slots.add_permits(1);
    });
    assert_eq!(result, Err("capability-denied"));
    assert_eq!((full.delivered(), full.bus.stats().published), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_unload_during_the_wait_is_closed_and_publishes_nothing() {
    let full = full(false);
    let mut c = store(&full.bus).build();
    let token = c.own.cancellation().clone();
    let (result, ()) = tokio::join!(c.say("t"), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        token.cancel();
    });
    assert_eq!(result, Err("closed"));
    assert_eq!((full.delivered(), full.bus.stats().published), (0, 0));
}

// ipc case 47
#[tokio::test(start_paused = true)]
async fn a_publish_waits_as_long_as_the_operator_says_and_is_then_backpressure() {
    let full = full(false);
    let start = Instant::now();
    assert_eq!(store(&full.bus).build().say("t").await, Err("backpressure"));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    let mut patient = store(&full.bus).build_with(|ctx| ctx.publish_wait(Duration::from_secs(3)));
    let (result, ()) = tokio::join!(patient.say("t"), async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        full.slots.add_permits(1);
    });
    assert_eq!(result, Ok(()));
    assert_eq!(full.delivered(), 1);
}

// ipc case 48
#[tokio::test(start_paused = true)]
async fn a_wait_that_would_close_a_circle_is_rate_limited_at_once() {
    let full = full(true);
    let start = Instant::now();
    assert_eq!(store(&full.bus).build().say("t").await, Err("rate-limited"));
    assert_eq!((start.elapsed(), full.delivered()), (Duration::ZERO, 0));
}
