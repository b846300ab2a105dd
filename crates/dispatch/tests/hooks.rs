//! The synchronous hook fan-out.

mod common;

use std::sync::Arc;
use std::time::Duration;

use astrid_dispatch::{Answer, HookError, HookService};
use astrid_host_context::Uuid;
use common::*;
use serde_json::{Value, json};
use tokio::time::Instant;

const CALLER: Uuid = Uuid::from_u128(9);

async fn trigger(hooks: &HookService, hook: &str) -> Result<Vec<Value>, HookError> {
    hooks.trigger(CALLER, Some(&principal("alice")), hook, &json!(1), None).await
}

fn caller(world: &World) {
    world.capsule(9, "x.y", 1, |_| async { Answer::Final("\"caller\"".into()) });
}

// dispatch case 21
#[tokio::test]
async fn a_hook_returns_what_the_others_said_and_leaves_out_the_rest() {
    let world = World::new();
    caller(&world);
    for (n, answer) in [
        (1u128, Answer::Continue(r#"{"a":1}"#.into())),
        (2, Answer::Deny("no".to_owned())),
        (3, Answer::Final("nope".into())),
        (4, proceed()),
    ] {
        world.capsule(n, "x.y", 100, move |call| {
            assert_eq!((&call.payload[..], call.authority.unwrap().as_str()), (&b"1"[..], "alice"));
            assert_eq!(call.caller.source, CALLER);
            let answer = answer.clone();
            async move { answer }
        });
    }
    let hooks = world.dispatcher.hooks(&world.bus);
    assert_eq!(trigger(&hooks, "x.y").await, Ok(vec![json!({ "a": 1 })]));
    assert_eq!(trigger(&hooks, "x.other").await, Ok(Vec::new()));
    assert_eq!(trigger(&hooks, "y.y").await, Err(HookError::NotAllowed));
    assert_eq!(trigger(&hooks, "x..y").await, Err(HookError::InvalidTopic));
}

// dispatch case 21
#[tokio::test(start_paused = true)]
async fn answers_come_in_order_of_priority_and_capsule_and_a_late_one_is_left_out_on_time() {
    let world = World::new();
    caller(&world);
    for (n, priority, millis) in [(1u128, 50, 300), (2, 10, 200), (3, 50, 100), (4, 5, 60_000)] {
        world.capsule(n, "x.y", priority, move |_| async move {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            Answer::Final(n.to_string().into())
        });
    }
    let hooks = world.dispatcher.hooks(&world.bus);
    let began = Instant::now();
    let deadline = Some(began + Duration::from_secs(1));
    let got = hooks.trigger(CALLER, None, "x.y", &json!(1), deadline).await;
    assert_eq!(got, Ok(vec![json!(2), json!(1), json!(3)]));
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    // Without a deadline of its own it ends after half a minute.
    let began = Instant::now();
    assert_eq!(trigger(&hooks, "x.y").await, Ok(vec![json!(2), json!(1), json!(3)]));
    assert_eq!(began.elapsed(), Duration::from_secs(30));
}

#[tokio::test]
async fn hooks_that_trigger_hooks_end_at_the_eighth() {
    let world = Arc::new(World::new());
    let seen = Seen::default();
    for n in [1u128, 2] {
        let (w, seen) = (Arc::downgrade(&world), seen.clone());
        world.capsule_with(n, &[("x.y", "h")], 100, 100, move |_| {
            let (w, seen) = (w.clone(), seen.clone());
            async move {
                let world = w.upgrade().unwrap();
                let hooks = world.dispatcher.hooks(&world.bus);
                let inner = hooks.trigger(Uuid::from_u128(n), None, "x.y", &json!(1), None).await;
                match inner {
                    Ok(_) => seen.note("ok"),
                    Err(error) => seen.note(error.to_string()),
                }
                Answer::Final("1".into())
            }
        });
    }
    let hooks = world.dispatcher.hooks(&world.bus);
    // The first is the outermost; each of the handlers asks the one other.
    let outer = hooks.trigger(Uuid::from_u128(1), None, "x.y", &json!(1), None).await;
    assert_eq!(outer, Ok(vec![json!(1)]));
    let all = seen.all();
    assert_eq!(all.iter().filter(|s| *s == "hook depth exceeded").count(), 1);
    assert_eq!(all.len(), 8);
}

#[tokio::test]
async fn at_most_256_handlers_are_asked() {
    let world = World::new();
    caller(&world);
    for n in 100..400 {
        world.capsule(n, "x.y", 100, |_| async { Answer::Final("1".into()) });
    }
    let hooks = world.dispatcher.hooks(&world.bus);
    assert_eq!(trigger(&hooks, "x.y").await.unwrap().len(), 256);
}
