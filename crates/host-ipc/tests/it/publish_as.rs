//! `publish-as`: who may, and as whom it goes out.

use std::sync::Arc;

use crate::common::*;
use astrid_event_bus::{Admission, Audience, Bus, Charset, Gate, Message, Pattern, Subscription};
use astrid_host_context::{CapsuleId, Outcome, Transport, Uuid};
use astrid_host_ipc::{ActFor, InFlight, ProvenPeer, Residency};

fn everything(bus: &Bus) -> Subscription {
    let audience = Audience {
        capsule: CapsuleId::parse("eye").unwrap(),
        owner: None,
        admission: Admission::Everyone,
        reads_all_audit: false,
    };
    bus.subscribe(Pattern::parse("t", Charset::Token).unwrap(), audience, &Gate::opened())
}

fn one(subscription: &Subscription) -> Message {
    let mut messages = subscription.drain().unwrap().messages;
    assert_eq!(messages.len(), 1);
    messages.remove(0)
}

fn claude() -> ProvenPeer {
    ProvenPeer {
        principal: principal("claude"),
        transport: Transport::LocalSocket,
        device_key: Some("key-1".into()),
        request_owner: Some(Uuid::from_u128(42)),
    }
}

async fn say_as(c: &mut Store, topic: &str, name: &str) -> Result<(), Arm> {
    c.ipc().publish_as(topic, "{}".to_owned(), name).await.map_err(arm)
}

// ipc case 38
#[tokio::test]
async fn publish_as_needs_the_uplink_capability_before_anything_else_and_a_real_name() {
    let bus = Bus::new();
    let mut c = store(&bus).build();
    assert_eq!(say_as(&mut c, "bad..topic", "a/b").await, Err("capability-denied"));
    let mut uplink = store(&bus).uplink().build();
    for name in ["a/b", "", &"x".repeat(65), "anonymous"] {
        assert_eq!(say_as(&mut uplink, "t", name).await, Err("invalid-input"), "{name:?}");
    }
    assert_eq!(say_as(&mut uplink, "bad..topic", "bob").await, Err("invalid-input"));
    assert_eq!(say_as(&mut uplink, "astrid.v1.lifecycle.x", "bob").await, Err("capability-denied"));
    assert_eq!(bus.stats().published, 0);
    let denied = c.recorder.audited();
    assert_eq!((denied.len(), denied[0].outcome), (1, Outcome::Denied("policy")));
    assert!(denied[0].facts.contains(&("claimed", "a/b".to_owned())));
}

// ipc case 39
#[tokio::test]
async fn a_frame_of_a_proven_connection_goes_out_as_its_principal_whatever_is_claimed() {
    let bus = Bus::new();
    let eye = everything(&bus);
    let slot = InFlight::new();
    let mut c = store(&bus).uplink().build_with(|ctx| ctx.evidence(Arc::new(slot.clone())));
    slot.read_returned(Some(claude()));
    say_as(&mut c, "t", "default").await.unwrap();
    let message = one(&eye);
    let provenance = message.provenance();
    assert_eq!(provenance.attribution, verified("claude"));
    assert_eq!(provenance.transport, Transport::LocalSocket);
    assert_eq!(provenance.device_key.as_deref(), Some("key-1"));
    assert_eq!(provenance.request_owner, Some(Uuid::from_u128(42)));
    assert_eq!(message.authority(), Some(&principal("claude")));
    let [event] = &c.recorder.audited()[..] else { panic!("one record") };
    let fact = |name| event.facts.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
    assert_eq!(fact("claimed"), Some("default"));
    assert_eq!(fact("attribution"), Some("verified(claude)"));
    assert!(fact("security").is_some());
}

// ipc case 42
#[tokio::test]
async fn a_later_read_without_data_clears_the_proven_identity() {
    let bus = Bus::new();
    let eye = everything(&bus);
    let slot = InFlight::new();
    let mut c = store(&bus).uplink().build_with(|ctx| ctx.evidence(Arc::new(slot.clone())));
    slot.read_returned(Some(claude()));
    slot.read_returned(None);
    say_as(&mut c, "t", "claude").await.unwrap();
    assert_eq!(one(&eye).provenance().attribution, claimed("claude"));
}

// ipc case 40
#[tokio::test]
async fn a_bare_claim_is_handled_as_anonymous_and_stays_a_claim() {
    let bus = Bus::new();
    let eye = everything(&bus);
    let mut c = store(&bus).uplink().build();
    say_as(&mut c, "t", "bob").await.unwrap();
    let message = one(&eye);
    assert_eq!(message.provenance().attribution, claimed("bob"));
    assert!(message.authority().unwrap().is_anonymous());
    let mut handler = store(&bus).own(|own| own.capsule_uuid(Uuid::from_u128(0xd))).build();
    handler.handle(&message);
    assert!(handler.call.principal().unwrap().is_anonymous());
    handler.say("t").await.unwrap();
    let hop = one(&eye);
    assert_eq!(hop.provenance().attribution, claimed("bob"));
    assert!(hop.authority().unwrap().is_anonymous());
}

// ipc case 41
#[tokio::test]
async fn a_delegated_claim_has_the_principals_authority_and_stays_a_claim() {
    let bus = Bus::new();
    let eye = everything(&bus);
    for whom in [ActFor::These([principal("bob")].into()), ActFor::Anybody] {
        let mut c = store(&bus).uplink().build_with(|ctx| ctx.act_for(whom));
        say_as(&mut c, "t", "bob").await.unwrap();
        let message = one(&eye);
        assert_eq!(message.provenance().attribution, claimed("bob"));
        assert_eq!(message.authority(), Some(&principal("bob")));
        let mut handler = store(&bus).build();
        handler.handle(&message);
        assert_eq!(handler.call.principal(), Some(&principal("bob")));
        handler.say("t").await.unwrap();
        let hop = one(&eye);
        assert_eq!(
            (hop.provenance().attribution.clone(), hop.authority()),
            (claimed("bob"), Some(&principal("bob")))
        );
    }
    let mut c = store(&bus).uplink().build_with(|ctx| ctx.act_for(ActFor::These([principal("bob")].into())));
    say_as(&mut c, "t", "carol").await.unwrap();
    assert!(one(&eye).authority().unwrap().is_anonymous());
}

#[tokio::test(start_paused = true)]
async fn names_cannot_be_minted_to_dodge_the_rate() {
    let limit = &astrid_host_ipc::limits::MESSAGES;
    let mut c = store(&Bus::new()).uplink().limit(limit, 3).build();
    for name in ["a", "b", "c"] {
        say_as(&mut c, "t", name).await.unwrap();
    }
    assert_eq!(say_as(&mut c, "t", "d").await, Err("rate-limited"));
}

// ipc case 43
#[tokio::test]
async fn origin_device_and_owner_travel_unchanged_through_three_hops() {
    let bus = Bus::new();
    let eye = everything(&bus);
    let slot = InFlight::new();
    let mut c = store(&bus).uplink().build_with(|ctx| ctx.evidence(Arc::new(slot.clone())));
    slot.read_returned(Some(ProvenPeer { transport: Transport::RemoteGateway, ..claude() }));
    say_as(&mut c, "t", "claude").await.unwrap();
    let first = one(&eye);
    let mut message = first.clone();
    for n in 1..=3 {
        let mut hop = store(&bus)
            .own(|own| own.capsule_uuid(Uuid::from_u128(n)))
            .build_with(|ctx| ctx.residency(Residency::SystemResident));
        hop.handle(&message);
        hop.say("t").await.unwrap();
        message = one(&eye);
        assert_eq!(message.source(), Uuid::from_u128(n));
    }
    assert_eq!(message.provenance(), first.provenance());
    assert_eq!(message.provenance().transport, Transport::RemoteGateway);
}

// request-context case 10
#[tokio::test]
async fn the_owner_of_a_connection_is_a_name_like_any_other_to_whoever_passes_it() {
    let bus = Bus::new();
    let eye = everything(&bus);
    let mut c = store(&bus).uplink().build();
    let owner = claude().request_owner.unwrap().to_string();
    say_as(&mut c, "t", &owner).await.unwrap();
    let message = one(&eye);
    assert_eq!(
        message.provenance().attribution,
        astrid_host_context::Attribution::Claimed(principal(&owner))
    );
    assert_eq!(message.provenance().request_owner, None);
    assert_eq!(message.authority(), Some(&principal("anonymous")));
}
