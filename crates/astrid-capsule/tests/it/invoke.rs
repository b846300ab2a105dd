//! Handlers: answers, failures, limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{Place, ask, call};
use astrid_capsule::{Capsule, HandlerResult, State};
use serde_json::{Value, json};

async fn probe(place: &Place) -> (astrid_capsule::Runtime, Arc<dyn Capsule>) {
    let runtime = place.runtime().await;
    let capsule = runtime.load(place.probe("probe")).await.unwrap();
    (runtime, capsule)
}

async fn say(capsule: &Arc<dyn Capsule>, action: &str, data: Value) -> HandlerResult {
    call(capsule, "alice", "say", json!({ "action": action, "data": data })).await
}

fn deny(reason: &str) -> HandlerResult {
    HandlerResult::Deny { reason: reason.to_owned() }
}

// engines case 14, guest cases 11, 12, 13
#[tokio::test]
async fn each_word_of_an_answer_has_its_meaning() {
    let place = Place::new();
    let (_runtime, c) = probe(&place).await;
    let unchanged = HandlerResult::Continue("".into());
    for (action, data, expected) in [
        ("continue", Value::Null, unchanged.clone()),
        ("continue", json!(""), unchanged.clone()),
        ("continue", json!("{\"a\":1}"), HandlerResult::Continue("{\"a\":1}".into())),
        ("modify", json!("{\"b\":2}"), HandlerResult::Continue("{\"b\":2}".into())),
        ("final", json!("x"), HandlerResult::Final("x".into())),
        ("deny", Value::Null, deny("denied by interceptor")),
        ("abort", json!("r"), deny("r")),
        ("CONTINUE", json!("{}"), unchanged.clone()),
        ("", json!("{}"), unchanged.clone()),
        ("retry", json!("{}"), unchanged),
        ("continue", json!("not json"), deny("invalid replacement payload")),
    ] {
        assert_eq!(say(&c, action, data.clone()).await, expected, "{action} {data}");
    }
}

// engines case 16, guest case 22
#[tokio::test]
async fn a_trap_is_a_deny_and_the_next_call_runs_in_a_fresh_instance() {
    let place = Place::new();
    let (_runtime, c) = probe(&place).await;
    ask(&c, "alice", "marker", json!({ "set": 7 })).await;
    assert_eq!(ask(&c, "alice", "marker", json!({ "set": 7 })).await, 7);
    assert_eq!(call(&c, "alice", "trap", json!({})).await, deny("interceptor trapped: unreachable"));
    assert_eq!(ask(&c, "alice", "marker", json!({ "set": 1 })).await, 0);
}

// engines case 15
#[tokio::test]
async fn an_endless_handler_is_stopped_at_its_deadline_and_the_next_call_works() {
    let place = Place::new();
    let runtime = place
        .runtime_with(|config| {
            // Enough for the second call to make its instance on a busy machine.
            config.invocation_timeout = Duration::from_secs(3);
            config.fuel_per_invocation = u64::MAX / 2;
            config.fuel_per_second = u64::MAX / 2;
        })
        .await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    let reason = deny("interceptor exceeded its deadline of 3s");
    assert_eq!(call(&c, "alice", "spin", json!({})).await, reason);
    assert_eq!(call(&c, "alice", "noop", json!({})).await, HandlerResult::Continue("".into()));
}

// engines case 35
#[tokio::test]
async fn a_handler_that_burns_more_than_an_invocation_may_runs_out_of_fuel() {
    let place = Place::new();
    let runtime = place.runtime_with(|config| config.fuel_per_invocation = 10_000_000).await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    assert_eq!(call(&c, "alice", "spin", json!({})).await, deny("interceptor ran out of fuel"));
}

// engines case 35
#[tokio::test]
async fn a_handler_over_its_fuel_per_second_is_paced_and_not_killed() {
    let place = Place::new();
    let runtime = place.runtime_with(|config| config.fuel_per_second = 50_000_000).await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    let start = Instant::now();
    ask(&c, "alice", "burn", json!({ "rounds": 30_000_000 })).await;
    let (took, burnt) = (start.elapsed().as_secs_f64(), runtime.fuel_used("alice"));
    // The first second's worth is there at once; everything beyond it takes its time, however fast
    // the machine is.
    assert!(burnt > 100_000_000, "{burnt}");
    assert!(took > (burnt as f64 / 50e6 - 1.0) * 0.8, "{burnt} fuel took {took} s");
}

// engines case 17
#[tokio::test]
async fn memory_beyond_the_limit_is_refused_to_the_guest_without_a_trap() {
    let place = Place::new();
    let (_runtime, c) = probe(&place).await;
    assert!(ask(&c, "alice", "grow", json!({ "pages": 512 })).await.as_i64().unwrap() > 0);
    assert_eq!(ask(&c, "alice", "grow", json!({ "pages": 1024 })).await, -1);
    assert!(ask(&c, "alice", "grow", json!({ "pages": 1 })).await.as_i64().unwrap() > 0);
}

// engines case 18
#[tokio::test]
async fn a_component_that_starts_with_more_than_its_limits_does_not_instantiate() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let one = "(core instance (instantiate $m))";
    for (id, module, instances) in [
        ("tables", "(table 100000000 funcref)", one.to_owned()),
        ("memory", "(memory 2048)", one.to_owned()),
        ("instances", "", one.repeat(900)),
    ] {
        let text = format!("(component (core module $m {module}) {instances})");
        let dir = place.capsule(id, &wat::parse_str(&text).unwrap(), "");
        let error = runtime.load(dir).await.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), astrid_capsule::Code::Instantiate, "{error}");
    }
}

// engines case 20
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_call_on_a_pool_of_two_runs_after_one_of_them_or_is_denied_at_its_deadline() {
    let place = Place::new();
    place.profile("bob", "[quotas]\nmax_timeout_secs = 1\n");
    let runtime = place.runtime_with(|config| config.instance_pool_size = Some(2)).await;
    let c = runtime.load(place.probe("probe")).await.unwrap();
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let holding = ["alice", "carol"].map(|who| {
        let c = c.clone();
        let wait = json!({ "topic": "probe.v1.in.x", "timeout": 60_000 });
        tokio::spawn(async move { ask(&c, who, "recv-then-caller", wait).await })
    });
    for _ in &holding {
        listening.recv().await.unwrap();
    }
    let noop = call(&c, "bob", "noop", json!({})).await;
    assert_eq!(noop, deny("no instance became free before the deadline"));
    let waits = call(&c, "dora", "noop", json!({}));
    tokio::pin!(waits);
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut waits).await.is_err());
    runtime.publish("probe.v1.in.x", "{}", Some("alice")).await.unwrap();
    assert_eq!(waits.await, HandlerResult::Continue("".into()));
    runtime.publish("probe.v1.in.x", "{}", Some("carol")).await.unwrap();
    for held in holding {
        held.await.unwrap();
    }
}

// engines case 19
#[tokio::test]
async fn guest_memory_never_carries_from_one_principal_to_another() {
    let place = Place::new();
    let (_runtime, c) = probe(&place).await;
    ask(&c, "alice", "marker", json!({ "set": 41 })).await;
    assert_eq!(ask(&c, "bob", "marker", json!({ "set": 5 })).await, 0);
    assert_eq!(ask(&c, "alice", "marker", json!({ "set": 42 })).await, 41);
}

// engines case 21
#[tokio::test]
async fn what_a_guest_leaks_is_gone_when_its_call_returns() {
    let place = Place::new();
    let (_runtime, c) = probe(&place).await;
    let leak = json!({ "topic": "probe.v1.in.x", "count": 200 });
    assert_eq!(ask(&c, "alice", "subscribe-leak", leak.clone()).await, 128);
    assert_eq!(ask(&c, "alice", "subscribe-leak", leak).await, 128);
}

// guest case 21
#[tokio::test]
async fn cancelling_a_principal_ends_its_call_and_leaves_the_others() {
    let place = Place::new();
    let (runtime, c) = probe(&place).await;
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let sleep = |who: &'static str, ns: u64| {
        let c = c.clone();
        let input = json!({ "ns": ns, "key": "late" });
        tokio::spawn(async move { call(&c, who, "sleep-then-set", input).await })
    };
    let (alice, bob) = (sleep("alice", 60_000_000_000), sleep("bob", 300_000_000));
    for _ in 0..2 {
        listening.recv().await.unwrap();
    }
    c.cancel_principal(&"alice".parse().unwrap());
    assert_eq!(alice.await.unwrap(), deny("principal 'alice' is disabled"));
    assert_eq!(bob.await.unwrap(), HandlerResult::Final("{\"ok\":null}".into()));
}

#[tokio::test]
async fn unloading_ends_a_call_that_waits() {
    let place = Place::new();
    let (runtime, c) = probe(&place).await;
    let mut listening = runtime.observe("probe.v1.listening").unwrap();
    let waiting = {
        let c = c.clone();
        let input = json!({ "ns": 60_000_000_000u64, "key": "late" });
        tokio::spawn(async move { call(&c, "alice", "sleep-then-set", input).await })
    };
    listening.recv().await.unwrap();
    // From here on time passes only where somebody waits for it, so what else the machine does counts for nothing.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    runtime.unload("probe").await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    tokio::time::resume();
    waiting.await.unwrap();
}

// lifecycle §7
#[tokio::test]
async fn twenty_traps_in_a_row_mark_a_capsule_degraded_until_a_handler_answers() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let capsule = runtime.load(place.probe("probe")).await.unwrap();
    for _ in 0..19 {
        call(&capsule, "alice", "trap", json!({})).await;
    }
    assert_eq!(capsule.state(), State::Ready);
    call(&capsule, "bob", "trap", json!({})).await;
    assert_eq!(capsule.state(), State::Degraded("20 handlers in a row failed within 60 s".to_owned()));
    assert_eq!(call(&capsule, "alice", "noop", json!({})).await, HandlerResult::Continue("".into()));
    assert_eq!(capsule.state(), State::Ready);
}
