//! `poll` and `recv`: what they wait for, what ends them, and whom the run loop serves afterwards.

use std::time::Duration;

use crate::common::*;
use astrid_event_bus::{Bus, Draft, Gate, Payload, Topic};
use astrid_host_context::{CallKind, Provenance, Standing, Uuid};
use astrid_host_ipc::{RecvIdle, Residency};
use tokio::time::Instant;

fn announce(bus: &Bus, topic: &str, provenance: Provenance) {
    let payload = Payload::parse("0".to_owned()).unwrap();
    bus.announce(Draft::new(Topic::host(topic).unwrap(), payload, provenance));
}

fn resident(bus: &Bus) -> Store {
    store(bus).build_with(|ctx| ctx.residency(Residency::SystemResident))
}

// ipc case 24
#[tokio::test(start_paused = true)]
async fn recv_returns_at_once_with_a_message_and_after_its_time_without() {
    for (mode, idle) in [(RecvIdle::Empty, Ok(0)), (RecvIdle::Timeout, Err("timeout"))] {
        let mut c = store(&Bus::new()).build_with(|ctx| ctx.recv_idle(mode));
        let inbox = c.ipc().subscribe("t").unwrap();
        let start = Instant::now();
        c.say("t").await.unwrap();
        assert_eq!(c.ipc().recv(&inbox, 1_000).await.unwrap().messages.len(), 1);
        assert_eq!(start.elapsed(), Duration::ZERO);
        let len =
            |result: Result<astrid_event_bus::Envelope, _>| result.map(|e| e.messages.len()).map_err(arm);
        assert_eq!(len(c.ipc().recv(&inbox, 0).await), idle);
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(len(c.ipc().recv(&inbox, 50).await), idle);
        assert!((50..=80).contains(&start.elapsed().as_millis()));
    }
}

// ipc case 25
#[tokio::test(start_paused = true)]
async fn an_endless_recv_ends_after_a_minute() {
    let mut c = store(&Bus::new()).build();
    let inbox = c.ipc().subscribe("t").unwrap();
    let start = Instant::now();
    assert!(c.ipc().recv(&inbox, u64::MAX).await.unwrap().messages.is_empty());
    assert!((60_000..60_010).contains(&start.elapsed().as_millis()));
}

// ipc case 26
#[tokio::test(start_paused = true)]
async fn a_publish_wakes_a_waiting_recv() {
    for kind in [CallKind::RunLoop, CallKind::Interceptor] {
        let bus = Bus::new();
        let mut c = store(&bus).own(|own| own.kind(kind)).build();
        let mut other = store(&bus).build();
        let inbox = c.ipc().subscribe("t").unwrap();
        let start = Instant::now();
        let mut ipc = c.ipc();
        let (envelope, ()) = tokio::join!(ipc.recv(&inbox, 5_000), async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            other.say("t").await.unwrap();
        });
        assert_eq!(topics(&envelope.unwrap()), ["t"]);
        assert_eq!(start.elapsed(), Duration::from_millis(10));
        assert!(c.call.progress().take_yielded());
    }
}

// ipc case 27
#[tokio::test(start_paused = true)]
async fn an_unload_ends_a_waiting_recv_with_closed_and_the_routes_go_with_the_store() {
    let bus = Bus::new();
    for by_gate in [true, false] {
        let gate = Gate::opened();
        let mut c = store(&bus).build_with(|ctx| ctx.gate(gate.clone()));
        let inbox = c.ipc().subscribe("t").unwrap();
        let token = c.own.cancellation().clone();
        let start = Instant::now();
        let mut ipc = c.ipc();
        let (result, ()) = tokio::join!(ipc.recv(&inbox, 60_000), async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if by_gate { gate.retire() } else { token.cancel() }
        });
        assert_eq!(result.map_err(arm).err(), Some("closed"));
        assert_eq!(start.elapsed(), Duration::from_millis(5));
        assert_eq!(c.ipc().poll(&inbox).map_err(arm).err(), Some("closed"));
        drop(c);
        assert!(bus.is_idle());
    }
}

// ipc case 28
#[tokio::test(start_paused = true)]
async fn a_shared_pump_outlives_the_principal_it_serves() {
    let bus = Bus::new();
    let mut c = resident(&bus);
    let inbox = c.ipc().subscribe("t").unwrap();
    announce(&bus, "t", Provenance::of(verified("bob")));
    c.ipc().poll(&inbox).unwrap();
    let bob = c.call.cancellation().clone();
    let mut ipc = c.ipc();
    let (envelope, ()) = tokio::join!(ipc.recv(&inbox, 5_000), async {
        bob.retire();
        tokio::time::sleep(Duration::from_millis(5)).await;
        announce(&bus, "t", Provenance::of(verified("carol")));
    });
    assert_eq!(envelope.unwrap().messages[0].provenance().attribution, verified("carol"));
    assert_eq!(c.call.principal(), Some(&principal("carol")));
    assert_eq!(c.say("t").await, Ok(()));
}

// ipc case 28
#[tokio::test(start_paused = true)]
async fn a_publish_in_a_retired_principals_context_is_denied_until_the_next_message() {
    let bus = Bus::new();
    let mut c = resident(&bus);
    let inbox = c.ipc().subscribe("t").unwrap();
    announce(&bus, "t", Provenance::of(verified("bob")));
    c.ipc().poll(&inbox).unwrap();
    c.call.cancellation().retire();
    let published = bus.stats().published;
    assert_eq!(c.say("t").await, Err("capability-denied"));
    // An idle receive must not turn bob's leftovers into the owner's.
    assert!(c.ipc().recv(&inbox, 10).await.unwrap().messages.is_empty());
    assert_eq!(c.say("t").await, Err("capability-denied"));
    assert_eq!(bus.stats().published, published);
}

// ipc case 51
#[tokio::test]
async fn an_empty_poll_keeps_the_context_and_the_next_message_switches_it() {
    let bus = Bus::new();
    let mut c = resident(&bus);
    let inbox = c.ipc().subscribe("t").unwrap();
    let echo = c.ipc().subscribe("echo").unwrap();
    announce(&bus, "t", Provenance::of(verified("bob")));
    c.ipc().poll(&inbox).unwrap();
    assert!(c.ipc().poll(&inbox).unwrap().messages.is_empty());
    c.say("echo").await.unwrap();
    announce(&bus, "t", Provenance::of(verified("carol")));
    c.ipc().poll(&inbox).unwrap();
    c.say("echo").await.unwrap();
    let mut said = Vec::new();
    for _ in 0..2 {
        said.extend(c.ipc().poll(&echo).unwrap().messages.iter().map(|m| m.provenance().attribution.clone()));
    }
    assert_eq!(said, [verified("bob"), verified("carol")]);
}

#[tokio::test]
async fn a_nested_poll_in_a_handler_never_changes_whom_it_serves() {
    let bus = Bus::new();
    let mut c = resident(&bus);
    let all = c.ipc().subscribe("t").unwrap();
    c.handle_for("alice");
    announce(&bus, "t", Provenance::of(verified("bob")));
    assert_eq!(c.ipc().poll(&all).unwrap().messages.len(), 1);
    assert_eq!(c.call.principal(), Some(&principal("alice")));
}

#[tokio::test]
async fn the_hosts_own_message_is_served_as_the_owner() {
    let bus = Bus::new();
    let mut c = store(&bus).build();
    let inbox = c.ipc().subscribe("t").unwrap();
    announce(&bus, "t", Provenance::system());
    c.ipc().poll(&inbox).unwrap();
    assert_eq!(c.call.principal(), Some(&principal("alice")));
    c.say("t").await.unwrap();
    let echo = c.ipc().poll(&inbox).unwrap();
    assert_eq!(echo.messages[0].provenance().attribution, verified("alice"));
}

#[tokio::test]
async fn a_claim_in_an_owned_run_loop_is_served_without_the_owners_authority() {
    let bus = Bus::new();
    let mut c = store(&bus).build();
    let inbox = c.ipc().subscribe("t").unwrap();
    announce(&bus, "t", Provenance::of(claimed("alice")));
    assert_eq!(c.ipc().poll(&inbox).unwrap().messages.len(), 1);
    assert!(c.call.principal().unwrap().is_anonymous());
    assert_eq!(c.call.standing(), Standing::Live);
}

// ipc case 23
#[tokio::test]
async fn an_envelope_stops_before_another_request_owner() {
    let bus = Bus::new();
    let mut c = store(&bus).build();
    let inbox = c.ipc().subscribe("t").unwrap();
    for owner in [1, 1, 2, 1] {
        let provenance =
            Provenance { request_owner: Some(Uuid::from_u128(owner)), ..Provenance::of(verified("alice")) };
        announce(&bus, "t", provenance);
    }
    for expected in [2, 1, 1] {
        assert_eq!(c.ipc().poll(&inbox).unwrap().messages.len(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn counters_wait_for_an_envelope_where_idle_is_an_error() {
    let bus = Bus::new();
    let mut c = store(&bus)
        .limit(&astrid_host_ipc::limits::SUBSCRIPTIONS, 1_000)
        .build_with(|ctx| ctx.recv_idle(RecvIdle::Timeout));
    let inboxes: Vec<_> = (0..257).map(|_| c.ipc().subscribe("t").unwrap()).collect();
    assert_eq!(c.say("t").await, Err("backpressure"));
    let last = inboxes.last().unwrap();
    assert_eq!(c.ipc().recv(last, 10).await.map_err(arm).err(), Some("timeout"));
    assert_eq!(c.ipc().poll(last).unwrap().dropped, 1);
}

#[tokio::test]
async fn a_foreign_principal_in_an_owned_run_loop_gets_a_context_without_authority() {
    let bus = Bus::new();
    let mut c = store(&bus).build();
    // Made in a handler of bob's and wrongly kept: the only way bob's messages get here.
    c.handle_for("bob");
    let kept = c.ipc().subscribe("t").unwrap();
    c.call.replace(c.own.clone());
    announce(&bus, "t", Provenance::of(verified("bob")));
    assert_eq!(c.ipc().poll(&kept).unwrap().messages.len(), 1);
    assert_eq!(c.call.standing(), Standing::Retired);
    assert_eq!(c.say("t").await, Err("capability-denied"));
    // The pump itself goes on, and an empty receive does not lift the floor.
    assert!(c.ipc().poll(&kept).unwrap().messages.is_empty());
    assert_eq!(c.say("t").await, Err("capability-denied"));
}
