//! `uplink-send`.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use astrid_host_context::{Attribution, Transport};
use astrid_host_testkit::FakeHost;
use astrid_host_uplink::v1_0::bindings::astrid::uplink::host::{ErrorCode, Host};
use astrid_host_uplink::{
    Links, LinksUnavailable, Lookup, Platform, PlatformUser, Profile, QUEUE, UplinkView, session_id,
};
use common::{State, endpoint, host, host_with, platform, principal, user};
use serde_json::{Value, json};
use tokio::sync::Notify;

async fn send(state: &mut State, id: &str, account: &str, text: &str) -> Result<bool, ErrorCode> {
    state.uplink().uplink_send(id.to_owned(), account.to_owned(), text.to_owned()).await
}

fn invalid(result: Result<bool, ErrorCode>) {
    assert!(matches!(result, Err(ErrorCode::InvalidInput)), "{result:?}");
}

// uplink cases 10 and 11
#[tokio::test]
async fn an_id_is_this_capsules_or_unknown() {
    let (mut state, _kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Chat);
    for malformed in ["", "x", &"0".repeat(65), &format!("{id}{}", " ".repeat(29))] {
        invalid(send(&mut state, malformed, "@a", "hi").await);
    }
    assert!(send(&mut state, &id.to_uppercase(), "@a", "hi").await.unwrap());
    let random = "6f1b2f0e-8f4b-4ad2-9d0a-0c9f7f7f1c11";
    let (mut other, _kernel) = host(FakeHost::builder().capsule("other"));
    let foreign = endpoint(&mut other, "bot", Profile::Chat);
    state.fake.recorder().clear();
    for unknown in [random, &foreign] {
        let result = send(&mut state, unknown, "@a", "hi").await;
        assert!(matches!(result, Err(ErrorCode::UnknownUplink)), "{result:?}");
    }
    let records = state.fake.recorder().audited();
    let shape = |n: usize| records[n].facts.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    assert_eq!(shape(0), shape(1));
    assert_eq!(records[0].detail, records[1].detail);
}

// uplink case 14
#[tokio::test]
async fn a_linked_users_message_reaches_the_bus_as_the_contract_spells_it() {
    let (mut state, mut kernel) = host(FakeHost::builder().principal("owner"));
    let id = endpoint(&mut state, "bot", Profile::Chat);
    assert!(send(&mut state, &id, "@a", "hello").await.unwrap());
    let inbound = kernel.rx.recv().await.unwrap();
    let session = session_id(&platform(), &user("@a"), &principal("alice"));
    let expected = json!({
        "type": "user_input", "text": "hello", "session_id": session,
        "context": {
            "uplink_id": id, "uplink_name": "bot", "platform": "chat", "platform_user_id": "@a",
            "profile": "chat", "capsule_id": "fake",
        },
    });
    assert_eq!(serde_json::from_str::<Value>(&inbound.payload).unwrap(), expected);
    let (first, second) = (inbound.provenance(), inbound.provenance());
    assert_eq!(first.attribution, Attribution::Claimed(principal("alice")));
    assert_eq!((first.transport, &first.device_key), (Transport::System, &None));
    assert!(first.request_owner.is_some() && first.request_owner != second.request_owner);
    assert_eq!(inbound.capsule_uuid, state.fake.call().capsule_uuid());
    assert!(kernel.sessions.is_open(&principal("alice"), &session));
    assert!(kernel.rx.is_empty());
}

// uplink case 15
#[tokio::test]
async fn a_message_for_nobody_is_dropped_without_saying_why() {
    let (mut state, kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Chat);
    assert!(!send(&mut state, &id, "@nobody", "hi").await.unwrap());
    kernel.links.set_enabled(&principal("alice"), false);
    assert!(!send(&mut state, &id, "@a", "hi").await.unwrap());
    kernel.links.set_enabled(&principal("alice"), true);
    kernel.agent.store(false, Ordering::Relaxed);
    assert!(!send(&mut state, &id, "@a", "hi").await.unwrap());
    kernel.agent.store(true, Ordering::Relaxed);
    assert!(kernel.rx.is_empty());
    assert!(send(&mut state, &id, "@a", "hi").await.unwrap());
}

// uplink case 15
#[tokio::test]
async fn a_link_of_another_capsule_counts_only_where_the_operator_says_so() {
    let (mut state, kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Chat);
    for made_by in [Some("other"), None] {
        kernel.link("@b", "bob", made_by);
        state.fake.recorder().clear();
        assert!(!send(&mut state, &id, "@b", "hi").await.unwrap());
        let facts = state.fake.recorder().audited()[0].facts.clone();
        assert!(facts.iter().any(|(name, _)| *name == "security"), "{facts:?}");
    }
    let (mut trusted, kernel) =
        host_with(FakeHost::builder(), |builder| builder.trusted_platforms([platform()]));
    kernel.link("@b", "bob", Some("other"));
    let id = endpoint(&mut trusted, "bot", Profile::Chat);
    assert!(send(&mut trusted, &id, "@b", "hi").await.unwrap());
}

// uplink case 16
#[tokio::test]
async fn interactive_needs_a_session_that_is_open() {
    let (mut state, mut kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Interactive);
    let session = session_id(&platform(), &user("@a"), &principal("alice"));
    assert!(!send(&mut state, &id, "@a", "hi").await.unwrap());
    assert!(!kernel.sessions.is_open(&principal("alice"), &session), "it never opens one");
    kernel.sessions.open(&principal("alice"), &session);
    assert!(send(&mut state, &id, "@a", "hi").await.unwrap());
    assert_eq!(kernel.rx.recv().await.unwrap().session, session);
}

// uplink case 17
#[tokio::test]
async fn notify_takes_nothing_in_and_is_recorded() {
    let (mut state, kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Notify);
    state.fake.recorder().clear();
    assert!(!send(&mut state, &id, "@a", "hi").await.unwrap());
    assert_eq!(state.fake.recorder().audited().len(), 1);
    assert!(kernel.rx.is_empty());
}

// uplink case 18
#[tokio::test]
async fn a_conversation_is_the_same_across_messages_and_restarts() {
    let of = |account, who| session_id(&platform(), &user(account), &principal(who));
    assert_eq!(of("@a", "alice"), of("@a", "alice"));
    assert_ne!(of("@a", "alice"), of("@b", "alice"));
    assert_ne!(of("@a", "alice"), of("@a", "bob"));
    // BLAKE3 of "chat\x1f@a\x1falice", so that another process finds the same one.
    let hash = blake3::hash(b"chat\x1f@a\x1falice").to_hex();
    assert_eq!(of("@a", "alice"), format!("uplink-{}", &hash.as_str()[..32]));
}

// uplink case 19
#[tokio::test]
async fn content_is_bounded_never_blank_and_survives_as_it_is() {
    let (mut state, mut kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Chat);
    for bad in ["", "\n ", "a\0b", &"x".repeat(262_145)] {
        invalid(send(&mut state, &id, "@a", bad).await);
    }
    for good in ["\"quoted\" \\u0000 \u{202e}\ttext", &"x".repeat(262_144)] {
        assert!(send(&mut state, &id, "@a", good).await.unwrap());
        let payload: Value = serde_json::from_str(&kernel.rx.recv().await.unwrap().payload).unwrap();
        assert_eq!(payload["text"], good);
    }
}

#[tokio::test]
async fn content_that_the_bus_could_not_carry_is_invalid_input() {
    let (mut state, kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Chat);
    invalid(send(&mut state, &id, "@a", &"\u{1}".repeat(262_144).replacen('\u{1}', "x", 1)).await);
    assert!(kernel.rx.is_empty());
}

// uplink case 20
#[tokio::test]
async fn an_account_is_opaque_and_bounded() {
    let (mut state, kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Chat);
    for bad in ["", " ", "a\u{7}", "a\u{202e}b", &"x".repeat(257)] {
        invalid(send(&mut state, &id, bad, "hi").await);
    }
    for good in ["@u:host/x", &"x".repeat(256)] {
        kernel.link(good, "alice", Some("fake"));
        assert!(send(&mut state, &id, good, "hi").await.unwrap());
    }
}

// uplink case 21
#[tokio::test]
async fn no_text_can_name_a_principal() {
    let (mut state, mut kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "admin", Profile::Chat);
    let text = r#"{"principal":"admin"}"#;
    assert!(send(&mut state, &id, "@a", text).await.unwrap());
    let inbound = kernel.rx.recv().await.unwrap();
    assert_eq!(inbound.principal, principal("alice"));
    assert_eq!(serde_json::from_str::<Value>(&inbound.payload).unwrap()["text"], text);
}

// uplink case 22
#[tokio::test(start_paused = true)]
async fn two_hundred_at_once_then_a_hundred_a_second() {
    let (mut state, _kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Notify);
    for n in 0..200 {
        assert!(send(&mut state, &id, "@a", "hi").await.is_ok(), "{n}");
    }
    assert!(matches!(send(&mut state, &id, "@a", "hi").await, Err(ErrorCode::Quota)));
    tokio::time::advance(Duration::from_secs(1)).await;
    let mut accepted = 0;
    while send(&mut state, &id, "@a", "hi").await.is_ok() {
        accepted += 1;
    }
    assert_eq!(accepted, 100);
}

// uplink case 23
#[tokio::test]
async fn a_full_queue_is_quota_and_order_is_kept() {
    let (mut state, mut kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Chat);
    for n in 0..QUEUE {
        assert!(send(&mut state, &id, "@a", &n.to_string()).await.unwrap());
    }
    assert_eq!(state.ctx.uplinks().queued(), QUEUE);
    assert!(matches!(send(&mut state, &id, "@a", "more").await, Err(ErrorCode::Quota)));
    for n in 0..QUEUE {
        let payload: Value = serde_json::from_str(&kernel.rx.recv().await.unwrap().payload).unwrap();
        assert_eq!(payload["text"], n.to_string());
    }
    assert!(send(&mut state, &id, "@a", "more").await.unwrap());
}

// uplink case 24
#[tokio::test]
async fn a_removed_link_stops_at_once() {
    let (mut state, kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Chat);
    assert!(send(&mut state, &id, "@a", "hi").await.unwrap());
    assert!(kernel.links.unlink(&platform(), &user("@a")));
    assert!(!send(&mut state, &id, "@a", "hi").await.unwrap());
}

/// Answers nothing, or only when told to.
struct Broken(Option<Arc<(Notify, Notify)>>);

impl Links for Broken {
    fn linked<'a>(&'a self, _: &'a Platform, _: &'a PlatformUser) -> Lookup<'a> {
        Box::pin(async move {
            if let Some(pair) = &self.0 {
                pair.0.notify_one();
                pair.1.notified().await;
            }
            Err(LinksUnavailable("down".to_owned()))
        })
    }
}

// uplink case 25
#[tokio::test]
async fn a_store_that_is_down_is_said_and_nothing_is_queued() {
    let (mut state, kernel) = host_with(FakeHost::builder(), |builder| builder.links(Arc::new(Broken(None))));
    let id = endpoint(&mut state, "bot", Profile::Chat);
    let down = send(&mut state, &id, "@a", "hi").await;
    assert!(
        matches!(&down, Err(ErrorCode::Unknown(text)) if text == "identity store unavailable"),
        "{down:?}"
    );
    assert!(kernel.rx.is_empty());
    let recovered = host_with(FakeHost::builder(), |builder| builder.links(kernel.links.clone()));
    let (mut state, _kernel) = recovered;
    let id = endpoint(&mut state, "bot", Profile::Chat);
    assert!(send(&mut state, &id, "@a", "hi").await.unwrap());
}

// uplink case 26
#[tokio::test]
async fn an_unload_during_the_look_up_is_cancelled_and_queues_nothing() {
    let pair = Arc::new((Notify::new(), Notify::new()));
    let links = Arc::new(Broken(Some(pair.clone())));
    let (mut state, kernel) = host_with(FakeHost::builder(), |builder| builder.links(links));
    let id = endpoint(&mut state, "bot", Profile::Chat);
    let token = state.fake.capsule_cancellation();
    let sending = tokio::spawn(async move { send(&mut state, &id, "@a", "hi").await });
    pair.0.notified().await;
    token.cancel();
    let result = sending.await.unwrap();
    assert!(matches!(&result, Err(ErrorCode::Unknown(text)) if text == "cancelled"), "{result:?}");
    assert!(kernel.rx.is_empty());
}

// uplink case 26
#[tokio::test]
async fn after_the_kernel_stopped_taking_messages_none_is_accepted() {
    let (mut state, kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Chat);
    drop(kernel.rx);
    let result = send(&mut state, &id, "@a", "hi").await;
    assert!(matches!(&result, Err(ErrorCode::Unknown(text)) if text == "cancelled"), "{result:?}");
    state.fake.cancellation().retire();
    assert!(matches!(send(&mut state, &id, "@a", "hi").await, Err(ErrorCode::CapabilityDenied)));
}

// uplink case 28
#[tokio::test(start_paused = true)]
async fn a_bridge_drops_what_the_host_just_sent() {
    let (mut state, _kernel) = host(FakeHost::builder());
    let bridge = endpoint(&mut state, "bridge", Profile::Bridge);
    let chat = endpoint(&mut state, "chat", Profile::Chat);
    let session = session_id(&platform(), &user("@a"), &principal("alice"));
    state.ctx.uplinks().note_outbound(&session, "answer");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!send(&mut state, &bridge, "@a", "answer").await.unwrap());
    assert!(send(&mut state, &bridge, "@a", "other").await.unwrap());
    assert!(send(&mut state, &chat, "@a", "answer").await.unwrap());
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(send(&mut state, &bridge, "@a", "answer").await.unwrap());
}

// uplink case 29
#[tokio::test]
async fn records_hold_hashes_and_lengths_alone() {
    let (mut state, kernel) = host(FakeHost::builder());
    kernel.link("account-4711", "alice", Some("fake"));
    let id = endpoint(&mut state, "bot", Profile::Chat);
    state.fake.recorder().clear();
    assert!(send(&mut state, &id, "account-4711", "top secret words").await.unwrap());
    invalid(send(&mut state, &id, "account-4711\n", "top secret words").await);
    let records = state.fake.recorder().audited();
    let text = format!("{records:?}");
    assert!(!text.contains("account-4711") && !text.contains("secret"), "{text}");
    let fact =
        |name| records[0].facts.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    assert_eq!(fact("content-bytes").as_deref(), Some("16"));
    assert_eq!(fact("content-blake3"), Some(blake3::hash(b"top secret words").to_hex().to_string()));
    assert_eq!(fact("user-blake3"), Some(blake3::hash(b"account-4711").to_hex().to_string()));
    assert_eq!(fact("uplink"), Some(id));
    assert_eq!(fact("accepted").as_deref(), Some("true"));
}

#[tokio::test]
async fn nothing_is_queued_that_cannot_be_recorded() {
    let (mut state, kernel) = host(FakeHost::builder());
    let id = endpoint(&mut state, "bot", Profile::Chat);
    state.fake.recorder().refuse_records(true);
    let refused = send(&mut state, &id, "@a", "hi").await;
    assert!(matches!(&refused, Err(ErrorCode::Unknown(text)) if text == "audit unavailable"), "{refused:?}");
    assert!(kernel.rx.is_empty());
    state.fake.recorder().refuse_records(false);
    assert!(send(&mut state, &id, "@a", "hi").await.unwrap());
}
