//! The access gate and its prompts, receipts and native services, watchdog ticks.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use astrid_dispatch::{Access, BoxFuture, Grant, Views};
use astrid_event_bus::{AccessPattern, Admission, Audience, Charset, Draft, Gate, Pattern, Payload, Topic};
use astrid_host_context::{Attribution, CapsuleId, Principal, Provenance, Transport, Uuid};
use common::*;
use parking_lot::Mutex;
use serde_json::json;

#[derive(Default)]
struct Lists(Mutex<HashSet<(Principal, CapsuleId)>>);

impl Access for Lists {
    fn may_invoke(&self, who: &Principal, capsule: &CapsuleId) -> bool {
        self.0.lock().contains(&(who.clone(), capsule.clone()))
    }

    fn grant<'a>(&'a self, who: &'a Principal, capsule: &'a CapsuleId, _: Grant) -> BoxFuture<'a, bool> {
        self.0.lock().insert((who.clone(), capsule.clone()));
        Box::pin(std::future::ready(true))
    }
}

fn gated() -> (World, Seen) {
    let world = World::with(|b| b.access(Arc::new(Lists::default())));
    let seen = Seen::default();
    let s = seen.clone();
    let bindings = [
        ("tool.v1.execute.*", "run"),
        ("tool.v1.request.describe", "list"),
        ("tool.v1.execute.*.result", "result"),
    ];
    world.capsule_with(1, &bindings, 100, 4, move |call| {
        s.note(format!("{} {:?}", call.action, call.authority.map(|p| p.to_string())));
        async { proceed() }
    });
    (world, seen)
}

// dispatch case 22
#[tokio::test(start_paused = true)]
async fn a_tool_call_without_a_grant_asks_for_it_once_a_minute_and_runs_after_it() {
    let (world, seen) = gated();
    let mut prompts = world.observe("astrid.v1.approval");
    let mut receipts = world.observe("astrid.v1.delivery.failure.*");
    world.announce(Some("alice"), "tool.v1.execute.grep", &asking(1));
    world.announce(Some("alice"), "tool.v1.execute.grep", "{}");
    let asked = drain(&mut prompts).await;
    assert_eq!(asked.len(), 1);
    let prompt = json(&asked[0]);
    let id = prompt["request_id"].as_str().unwrap().to_owned();
    assert_eq!(
        prompt,
        json!({ "type": "grant_required", "request_id": id, "request_owner": null, "principal": "alice", "capsule_id": "c1" })
    );
    assert_eq!(json(&drain(&mut receipts).await[0])["reason"], "access denied");
    tokio::time::sleep(Duration::from_secs(61)).await;
    world.announce(Some("alice"), "tool.v1.execute.grep", "{}");
    let asked = drain(&mut prompts).await;
    let id = json(&asked[0])["request_id"].as_str().unwrap().to_owned();
    // Not by somebody else, not by the capsule that would get it, not with another word.
    let reply = |decision: &str| {
        json!({ "type": "approval_response", "request_id": id, "decision": decision }).to_string()
    };
    let to = format!("astrid.v1.approval.response.{id}");
    world.announce(Some("bob"), &to, &reply("approve"));
    world.bus.announce(draft(Some("alice"), &to, &reply("approve")).source(Uuid::from_u128(1)));
    world.announce(
        Some("alice"),
        &to,
        r#"{"type":"approval_response","request_id":"other","decision":"approve"}"#,
    );
    assert!(drain(&mut prompts).await.is_empty());
    world.announce(Some("alice"), &to, &reply("approve_always"));
    let result = json(&drain(&mut prompts).await[0]);
    assert_eq!(
        (&result["type"], &result["granted"], &result["request_id"]),
        (&json!("grant_result"), &json!(true), &json!(id))
    );
    assert!(seen.all().is_empty());
    world.announce(Some("alice"), "tool.v1.execute.grep", "{}");
    world.dispatcher.idle().await;
    assert_eq!(seen.all(), ["run Some(\"alice\")"]);
}

/// What alice says, as the host would stamp it.
fn said(topic: &str, body: &str, attribution: Attribution, owner: u128) -> Draft {
    let provenance =
        Provenance { request_owner: Some(Uuid::from_u128(owner)), ..Provenance::of(attribution) };
    Draft::new(Topic::host(topic).unwrap(), Payload::parse(body.to_owned()).unwrap(), provenance)
}

// uplink case 27, for the prompts of this crate: who may answer one that a turn of an uplink caused
#[tokio::test(start_paused = true)]
async fn a_prompt_of_an_uplinks_turn_is_answered_by_a_proven_connection_or_that_uplink_under_delegation() {
    let (turn, uplink, other) = (77, Uuid::from_u128(9), Uuid::from_u128(5));
    let alice = || principal("alice");
    let claimed = || Attribution::Claimed(alice());
    for accepted in ["a proven connection", "the uplink, delegated"] {
        let (world, _) = gated();
        let mut prompts = world.observe("astrid.v1.approval");
        world.dispatcher.uplink_turn(Uuid::from_u128(turn), uplink);
        let call = said("tool.v1.execute.grep", "{}", claimed(), turn).delegated().source(uplink);
        world.bus.announce(call);
        let prompt = json(&drain(&mut prompts).await[0]);
        assert_eq!(prompt["request_owner"], Uuid::from_u128(turn).to_string());
        let id = prompt["request_id"].as_str().unwrap();
        let to = format!("astrid.v1.approval.response.{id}");
        let body =
            json!({ "type": "approval_response", "request_id": id, "decision": "approve" }).to_string();
        let connected = |who: &str, device_key: Option<&str>| {
            let provenance = Provenance {
                request_owner: Some(Uuid::from_u128(1)),
                transport: Transport::LocalSocket,
                device_key: device_key.map(Into::into),
                ..Provenance::of(Attribution::Verified(principal(who)))
            };
            Draft::new(Topic::host(&to).unwrap(), Payload::parse(body.clone()).unwrap(), provenance)
        };
        // Without delegation; another capsule; somebody else's connection; one that proved nothing.
        world.bus.announce(said(&to, &body, claimed(), turn).source(uplink));
        world.bus.announce(said(&to, &body, claimed(), turn).delegated().source(other));
        world.bus.announce(connected("bob", Some("key")));
        world.bus.announce(connected("alice", None));
        world.bus.announce(said(&to, &body, Attribution::Verified(alice()), 2).source(other));
        assert!(drain(&mut prompts).await.is_empty(), "{accepted}");
        world.bus.announce(match accepted {
            "a proven connection" => connected("alice", Some("key")),
            _ => said(&to, &body, claimed(), turn).delegated().source(uplink),
        });
        assert_eq!(json(&drain(&mut prompts).await[0])["granted"], true, "{accepted}");
    }
}

// dispatch case 22
#[tokio::test]
async fn the_anonymous_and_the_host_itself_never_invoke_tools_and_nobody_is_asked() {
    let (world, seen) = gated();
    let mut prompts = world.observe("astrid.v1.approval");
    world.announce(Some("anonymous"), "tool.v1.execute.grep", "{}");
    world.announce(None, "tool.v1.execute.grep", "{}");
    // Listing is narrowed, which is no reason to ask.
    world.announce(Some("alice"), "tool.v1.request.describe", "{}");
    assert!(drain(&mut prompts).await.is_empty());
    assert!(seen.all().is_empty());
}

// dispatch cases 2 and 23
#[tokio::test]
async fn results_are_not_gated_and_match_by_equal_count() {
    let (world, seen) = gated();
    world.announce(Some("alice"), "tool.v1.execute.grep.result", "{}");
    world.announce(Some("alice"), "tool.v1.execute.a.b.result", "{}");
    world.dispatcher.idle().await;
    assert_eq!(seen.all(), ["result Some(\"alice\")"]);
    world.announce(Some("bob"), "tool.v1.execute.result", "{}");
    world.dispatcher.idle().await;
    assert_eq!(seen.all().last().unwrap(), "run Some(\"bob\")");
}

// dispatch case 24
#[tokio::test]
async fn a_request_that_nobody_answers_gets_a_receipt_and_one_of_a_native_service_does_not() {
    let world = World::new();
    let mut receipts = world.observe("astrid.v1.response.failure.*");
    world.announce(Some("alice"), "astrid.v1.request.foo", r#"{"req_id":"7"}"#);
    let told = drain(&mut receipts).await;
    assert_eq!(told[0].topic().as_str(), "astrid.v1.response.failure.7");
    assert_eq!(json(&told[0]), json!({ "req_id": "7", "reason": "no handler" }));
    assert_eq!(told[0].authority(), Some(&principal("alice")));
    // No id, an id that is no segment, another topic, a receipt: nothing to say.
    world.announce(Some("alice"), "astrid.v1.request.foo", "{}");
    world.announce(Some("alice"), "astrid.v1.request.foo", r#"{"req_id":"a.b"}"#);
    world.announce(Some("alice"), "astrid.v1.other", r#"{"req_id":"7"}"#);
    world.announce(Some("alice"), "astrid.v1.response.failure.8", r#"{"req_id":"8"}"#);
    let got = drain(&mut receipts).await;
    assert_eq!(got.len(), 1, "only the announcement of the test itself");
    let native = world.dispatcher.register_native(AccessPattern::host("astrid.v1.request.*").unwrap());
    world.announce(Some("alice"), "astrid.v1.request.foo.bar", r#"{"req_id":"9"}"#);
    assert!(drain(&mut receipts).await.is_empty());
    drop(native);
    world.announce(Some("alice"), "astrid.v1.request.foo.bar", r#"{"req_id":"9"}"#);
    assert_eq!(drain(&mut receipts).await.len(), 1);
    world.capsule(1, "astrid.v1.request.foo", 100, |_| async {
        astrid_dispatch::Answer::Deny("no".to_owned())
    });
    world.announce(Some("alice"), "astrid.v1.request.foo", r#"{"req_id":"10"}"#);
    world.dispatcher.idle().await;
    assert_eq!(json(&drain(&mut receipts).await[0]), json!({ "req_id": "10", "reason": "denied: no" }));
}

// dispatch case 25
#[tokio::test]
async fn a_delivery_id_never_reaches_the_handler_and_its_receipt_only_the_publisher() {
    let world = World::new();
    let seen = Seen::default();
    let s = seen.clone();
    world.capsule(1, "t", 100, move |call| {
        s.note(std::str::from_utf8(&call.payload).unwrap());
        async { astrid_dispatch::Answer::Deny("no\nway".to_owned()) }
    });
    world.capsule(2, "unused", 100, |_| async { proceed() });
    let route = |capsule: &str, who: &str| {
        let audience = Audience {
            capsule: CapsuleId::parse(capsule).unwrap(),
            owner: Some(principal(who)),
            admission: Admission::Owner(Some(principal(who))),
            reads_all_audit: false,
        };
        let pattern = Pattern::parse("astrid.v1.delivery.failure.*", Charset::Token).unwrap();
        world.bus.subscribe(pattern, audience, &Gate::opened())
    };
    let (mine, other, foreign) = (route("c2", "alice"), route("c1", "alice"), route("c2", "bob"));
    world.bus.announce(draft(Some("alice"), "t", &asking(1)).source(Uuid::from_u128(2)));
    world.dispatcher.idle().await;
    rest().await;
    assert_eq!(seen.all(), [r#"{"n":1}"#]);
    let got = mine.drain().unwrap().messages;
    let id = "00000000000000000000000000000001";
    assert_eq!(got[0].topic().as_str(), format!("astrid.v1.delivery.failure.{id}"));
    assert_eq!(json(&got[0]), json!({ "delivery_id": id, "request_topic": "t", "reason": "denied: no way" }));
    for nobody in [other, foreign] {
        assert!(nobody.drain().unwrap().messages.is_empty());
    }
    // A malformed id is refused where the payload is checked (ipc chapter 3.7).
    let odd = format!(r#"{{"_astrid_delivery_id":"{}"}}"#, "1".repeat(31));
    assert!(astrid_event_bus::Payload::parse(odd).is_err());
}

#[tokio::test(start_paused = true)]
async fn every_five_seconds_each_loaded_principal_gets_a_tick() {
    struct Two;
    impl Views for Two {
        fn principals(&self) -> Vec<Principal> {
            vec![principal("alice"), principal("bob")]
        }
    }
    let world = World::new();
    let mut ticks = world.observe("astrid.v1.watchdog.tick");
    world.dispatcher.watch(&world.bus, Arc::new(Two));
    tokio::time::sleep(Duration::from_millis(4_900)).await;
    assert!(drain(&mut ticks).await.is_empty());
    tokio::time::sleep(Duration::from_millis(10_200)).await;
    let got = drain(&mut ticks).await;
    let whom: Vec<_> = got.iter().map(|m| m.authority().unwrap().to_string()).collect();
    assert_eq!(whom, ["alice", "bob", "alice", "bob", "alice", "bob"]);
    assert!(got.iter().all(|m| m.payload().as_str() == "{}"));
}
