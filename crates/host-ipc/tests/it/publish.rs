//! `publish`: the order of its checks, its limits, and what subscribers get.

use std::time::Duration;

use crate::common::*;
use astrid_event_bus::{Bus, Topic};
use astrid_host_context::{Outcome, Provenance, Uuid};
use astrid_host_ipc::ReservedTopics;
use astrid_host_ipc::limits::{MESSAGES, THROUGHPUT};

// ipc case 1
#[tokio::test]
async fn a_published_message_arrives_with_topic_payload_source_and_verified_principal() {
    let mut c = store(&Bus::new()).publish(&["a.b"]).build();
    let inbox = c.ipc().subscribe("a.b").unwrap();
    c.say("a.b").await.unwrap();
    let envelope = c.ipc().poll(&inbox).unwrap();
    let [message] = &envelope.messages[..] else { panic!("one message") };
    assert_eq!((message.topic().as_str(), message.payload().as_str()), ("a.b", "{}"));
    assert_eq!(message.source(), Uuid::from_u128(0xc));
    assert_eq!(message.provenance(), &Provenance::of(verified("alice")));
}

// ipc case 2, dispatch case 14
#[tokio::test]
async fn an_empty_publish_table_denies_everything_with_one_record() {
    let bus = Bus::new();
    let mut c = store(&bus).publish(&[]).build();
    let inbox = c.ipc().subscribe("a.b").unwrap();
    c.recorder.clear();
    assert_eq!(c.say("a.b").await, Err("capability-denied"));
    assert!(c.ipc().poll(&inbox).unwrap().messages.is_empty());
    assert_eq!(c.outcomes(), [Outcome::Denied("policy")]);
    let detail = c.recorder.audited()[0].detail.clone().unwrap();
    assert!(detail.contains("\"a.b\"") && detail.contains("no publish patterns"), "{detail}");
    assert_eq!(bus.stats().published, 0);
}

// ipc case 3, dispatch case 3
#[tokio::test]
async fn publish_keys_cover_by_the_subtree_rule() {
    let mut c = store(&Bus::new()).publish(&["a.*", "b.*.c"]).build();
    for (topic, allowed) in
        [("a.b.c.d", true), ("a", false), ("b.x.c", true), ("b.x.y.c", false), ("b.x", false)]
    {
        assert_eq!(c.say(topic).await.is_ok(), allowed, "{topic}");
    }
}

// ipc case 4, dispatch case 13
#[tokio::test]
async fn malformed_topics_are_invalid_input_and_the_charset_is_the_operators() {
    let bus = Bus::new();
    let mut c = store(&bus).build();
    let mut strict = store(&bus).strict().build();
    for topic in ["", ".a", "a.", "a..b", "a.*", "*", "a b", "a.é", "a/b"] {
        assert_eq!(c.say(topic).await, Err("invalid-input"), "{topic:?}");
    }
    for topic in ["A.b", "a.b:c"] {
        assert_eq!(c.say(topic).await, Ok(()));
        assert_eq!(strict.say(topic).await, Err("invalid-input"));
    }
}

// ipc case 5, dispatch case 13
#[tokio::test]
async fn a_topic_has_at_most_256_bytes_and_8_segments() {
    let mut c = store(&Bus::new()).build();
    for (len, expected) in [(255, Ok(())), (256, Ok(())), (257, Err("invalid-input"))] {
        assert_eq!(c.say(&"a".repeat(len)).await, expected);
    }
    assert_eq!(c.say("1.2.3.4.5.6.7.8").await, Ok(()));
    assert_eq!(c.say("1.2.3.4.5.6.7.8.9").await, Err("invalid-input"));
}

// ipc case 6, dispatch case 13
#[tokio::test(start_paused = true)]
async fn a_maximal_payload_arrives_whole_and_a_larger_one_costs_no_rate() {
    let bus = Bus::new();
    let mut c = store(&bus).limit(&THROUGHPUT, 1_048_576).build();
    let topic = "t".repeat(256);
    let inbox = c.ipc().subscribe(&topic).unwrap();
    let json = |len: usize| format!("\"{}\"", "x".repeat(len - 2));
    let over = c.ipc().publish(&topic, json(1_048_577)).await.map_err(arm);
    assert_eq!(over, Err("invalid-input"));
    for len in [1_048_576, 1_048_575] {
        c.ipc().publish(&topic, json(len)).await.unwrap();
        let envelope = c.ipc().poll(&inbox).unwrap();
        assert_eq!((envelope.messages[0].payload().len(), envelope.dropped), (len, 0));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

// ipc case 7, dispatch case 13
#[tokio::test]
async fn a_payload_that_is_not_json_is_invalid_input() {
    let mut c = store(&Bus::new()).build();
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    for (json, ok) in [
        (String::new(), false),
        ("{".to_owned(), false),
        ("hello".to_owned(), false),
        (r#"{"a":1}x"#.to_owned(), false),
        (nested(129), false),
        ("null".to_owned(), true),
        ("\"s\"".to_owned(), true),
        (nested(128), true),
    ] {
        let result = c.ipc().publish("t", json.clone()).await.map_err(arm);
        assert_eq!(result, if ok { Ok(()) } else { Err("invalid-input") }, "{json}");
    }
}

// ipc case 10, dispatch case 16
#[tokio::test]
async fn reserved_topics_are_denied_although_declared() {
    let mut c = store(&Bus::new()).build();
    for topic in [
        "client.v1.connect",
        "client.v1.disconnect",
        "astrid.v1.approval",
        "astrid.v1.elicit",
        "astrid.v1.audit.entry",
        "astrid.v1.capsules_loaded",
        "astrid.v1.watchdog.tick",
        "astrid.v1.event_bus.lagged",
        "astrid.v1.lifecycle",
        "astrid.v1.lifecycle.x",
        "astrid.process.v1.exited.x",
        "astrid.v1.delivery.failure.x",
        "astrid.v1.response.failure.x",
    ] {
        assert_eq!(c.say(topic).await, Err("capability-denied"), "{topic}");
    }
    for topic in ["astrid.v1.approval.response.x", "astrid.v1.lifecycles", "client.v1.connected"] {
        assert_eq!(c.say(topic).await, Ok(()), "{topic}");
    }
}

#[tokio::test]
async fn a_kernel_may_reserve_more() {
    let more = ReservedTopics::new().and(&Topic::host("cron.v1.response").unwrap());
    let mut c = store(&Bus::new()).build_with(|ctx| ctx.reserved(std::sync::Arc::new(more)));
    assert_eq!(c.say("cron.v1.response.x").await, Err("capability-denied"));
    assert_eq!(c.say("cron.v1.add").await, Ok(()));
}

// ipc case 11
#[tokio::test]
async fn the_topics_grammar_is_checked_before_access_and_access_before_the_payload() {
    let mut c = store(&Bus::new()).publish(&["mine"]).build();
    assert_eq!(c.say("not..mine").await, Err("invalid-input"));
    let huge = "x".repeat(2 * 1_048_576);
    assert_eq!(c.ipc().publish("other", huge.clone()).await.map_err(arm), Err("capability-denied"));
    assert_eq!(c.ipc().publish("mine", huge).await.map_err(arm), Err("invalid-input"));
}

// ipc case 12, dispatch case 18
#[tokio::test(start_paused = true)]
async fn throughput_is_exact_to_the_byte_for_each_principal_and_capsule() {
    let bus = Bus::new();
    let mut c = store(&bus).limit(&THROUGHPUT, 1_048_576).build();
    let mut d =
        store(&bus).limit(&THROUGHPUT, 1_048_576).own(|own| own.capsule_uuid(Uuid::from_u128(0xd))).build();
    let full = || format!("\"{}\"", "x".repeat(1_048_573));
    assert_eq!(c.ipc().publish("t", full()).await.map_err(arm), Ok(()));
    assert_eq!(c.ipc().publish("t", "1".to_owned()).await.map_err(arm), Ok(()));
    assert_eq!(c.ipc().publish("t", "1".to_owned()).await.map_err(arm), Err("rate-limited"));
    assert_eq!(d.ipc().publish("t", full()).await.map_err(arm), Ok(()));
    c.handle_for("bob");
    assert_eq!(c.ipc().publish("t", full()).await.map_err(arm), Ok(()));
    c.handle_for("alice");
    assert_eq!(c.ipc().publish("t", "1".to_owned()).await.map_err(arm), Err("rate-limited"));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(c.ipc().publish("t", full()).await.map_err(arm), Ok(()));
}

// ipc case 13
#[tokio::test(start_paused = true)]
async fn the_20_001st_message_of_a_second_is_rate_limited() {
    let mut c = store(&Bus::new()).build();
    for _ in 0..MESSAGES.default {
        c.say("t").await.unwrap();
    }
    assert_eq!(c.say("t").await, Err("rate-limited"));
    tokio::time::advance(Duration::from_millis(1)).await;
    for _ in 0..20 {
        c.say("t").await.unwrap();
    }
    assert_eq!(c.say("t").await, Err("rate-limited"));
}

// ipc case 14
#[tokio::test]
async fn the_257th_subscriber_makes_it_backpressure_after_the_first_256_were_served() {
    let bus = Bus::new();
    let mut c = store(&bus).limit(&astrid_host_ipc::limits::SUBSCRIPTIONS, 1_000).build();
    let inboxes: Vec<_> = (0..256).map(|_| c.ipc().subscribe("t").unwrap()).collect();
    assert_eq!(c.say("t").await, Ok(()));
    let last = c.ipc().subscribe("t").unwrap();
    assert_eq!(c.say("t").await, Err("backpressure"));
    for inbox in &inboxes {
        assert_eq!(c.ipc().poll(inbox).unwrap().messages.len(), 2);
    }
    let envelope = c.ipc().poll(&last).unwrap();
    assert_eq!((envelope.messages.len(), envelope.dropped, envelope.lagged), (0, 1, 0));
}

#[tokio::test]
async fn an_unloading_store_is_closed_and_a_retired_principal_denied() {
    let bus = Bus::new();
    let mut c = store(&bus).build();
    c.handle_for("bob");
    c.call.cancellation().retire();
    assert_eq!(c.say("t").await, Err("capability-denied"));
    c.handle_for("bob");
    c.own.cancellation().cancel();
    assert_eq!(c.say("t").await, Err("closed"));
    assert_eq!(bus.stats().published, 0);
}

#[tokio::test]
async fn a_publication_is_recorded_without_its_payload() {
    let mut c = store(&Bus::new()).build();
    c.ipc().publish("t.x", "\"hidden\"".to_owned()).await.unwrap();
    let [event] = &c.recorder.audited()[..] else { panic!("one record") };
    assert_eq!((event.outcome, event.bytes, event.target.as_deref()), (Outcome::Allowed, 8, Some("t.x")));
    assert_eq!(event.facts, [("seq", "1".to_owned())]);
    assert!(!format!("{event:?}").contains("hidden"));
}
