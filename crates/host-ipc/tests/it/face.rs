//! What a guest sees: the generated types, filled by the face.

use crate::common::*;
use astrid_event_bus::{Bus, Draft, Payload, Topic};
use astrid_host_context::Provenance;
use astrid_host_ipc::v1_0::astrid::ipc::host::{Host, HostSubscription, IpcMessage, PrincipalAttribution};
use astrid_host_ipc::{Handler, RecvIdle, Residency};

fn announce(bus: &Bus, provenance: Provenance) {
    let payload = Payload::parse("7".to_owned()).unwrap();
    bus.announce(Draft::new(Topic::host("t.x").unwrap(), payload, provenance));
}

// ipc case 1
#[tokio::test]
async fn messages_carry_topic_payload_source_and_all_three_attributions() {
    let bus = Bus::new();
    let mut c = store(&bus).build_with(|ctx| ctx.residency(Residency::SystemResident));
    let mut ipc = c.ipc();
    let inbox = Host::subscribe(&mut ipc, "t.*".to_owned()).unwrap();
    let rep = || wasmtime::component::Resource::new_borrow(inbox.rep());
    Host::publish(&mut ipc, "t.x".to_owned(), r#"{"a":1}"#.to_owned()).await.unwrap();
    announce(&bus, Provenance::of(claimed("bob")));
    announce(&bus, Provenance::system());
    let mut got: Vec<IpcMessage> = Vec::new();
    for _ in 0..3 {
        got.extend(HostSubscription::recv(&mut ipc, rep(), 0).await.unwrap().messages);
    }
    assert!(HostSubscription::poll(&mut ipc, rep()).unwrap().messages.is_empty());
    let seen: Vec<_> = got.iter().map(|m| (m.payload.as_str(), m.source_id.as_str(), &m.principal)).collect();
    let nil = "00000000-0000-0000-0000-000000000000";
    assert!(got.iter().all(|m| m.topic == "t.x"));
    assert!(
        matches!(seen[0], (r#"{"a":1}"#, "00000000-0000-0000-0000-00000000000c", PrincipalAttribution::Verified(p)) if p == "alice")
    );
    assert!(
        matches!(seen[1], ("7", source, PrincipalAttribution::Claimed(p)) if p == "bob" && source == nil)
    );
    assert!(matches!(seen[2], ("7", source, PrincipalAttribution::System) if source == nil));
    HostSubscription::drop(&mut ipc, inbox).unwrap();
    assert!(bus.is_idle());
}

#[tokio::test(start_paused = true)]
async fn errors_have_the_contracts_names() {
    let mut c = store(&Bus::new()).publish(&["a"]).build_with(|ctx| ctx.recv_idle(RecvIdle::Timeout));
    let mut ipc = c.ipc();
    let inbox = Host::subscribe(&mut ipc, "t".to_owned()).unwrap();
    let idle = HostSubscription::recv(&mut ipc, inbox, 5).await.unwrap_err();
    let denied = Host::publish(&mut ipc, "b".to_owned(), "0".to_owned()).await.unwrap_err();
    let invalid = Host::publish(&mut ipc, "a".to_owned(), "x".to_owned()).await.unwrap_err();
    let name = |ipc: &mut _, error| format!("{:?}", Host::convert_error_code(ipc, error).unwrap());
    assert_eq!(name(&mut ipc, idle), "ErrorCode::Timeout");
    assert_eq!(name(&mut ipc, denied), "ErrorCode::CapabilityDenied");
    assert_eq!(name(&mut ipc, invalid), "ErrorCode::InvalidInput");
}

// ipc case 46
#[tokio::test]
async fn bindings_come_with_their_numbers() {
    let handler = Handler { action: "h".to_owned(), topic: "t".to_owned(), priority: 100 };
    let mut c = store(&Bus::new()).build_with(|ctx| ctx.handlers(vec![handler]));
    let bindings = Host::get_interceptor_bindings(&mut c.ipc()).unwrap();
    let [one] = &bindings[..] else { panic!("one binding") };
    assert_eq!((one.handle_id, one.action.as_str(), one.topic.as_str()), (0, "h", "t"));
}
