//! `subscribe`, readiness and bindings.

use crate::common::*;
use astrid_event_bus::{Bus, Draft, Gate, Payload, Topic};
use astrid_host_context::{Outcome, Provenance};
use astrid_host_io::{Error as IoError, IoTable};
use astrid_host_io::{ReadyState, readiness_fn};
use astrid_host_ipc::limits::SUBSCRIPTIONS;
use astrid_host_ipc::{AccessLists, Handler, Residency};

fn announce(bus: &Bus, topic: &str, provenance: Provenance) {
    let payload = Payload::parse("0".to_owned()).unwrap();
    bus.announce(Draft::new(Topic::host(topic).unwrap(), payload, provenance));
}

// ipc case 30, dispatch case 15
#[tokio::test]
async fn malformed_patterns_are_invalid_input_also_when_the_manifest_declares_them() {
    let mut c = store(&Bus::new()).subscribe(&["*", "*.a", "a.*.b", "a.*.*"]).build();
    for pattern in ["a.b", "a.*"] {
        assert!(c.ipc().subscribe(pattern).is_ok(), "{pattern}");
    }
    let long = "a".repeat(257);
    for pattern in ["*", "a*", "*.a", "a.*.b", "a.*.*", "", "1.2.3.4.5.6.7.8.9", "1.2.3.4.5.6.7.8.*", &long] {
        assert_eq!(c.ipc().subscribe(pattern).map_err(arm).err(), Some("invalid-input"), "{pattern}");
    }
    assert!(AccessLists::parse([], ["a*"], astrid_event_bus::Charset::Token).is_err());
}

// ipc case 31, dispatch case 15
#[tokio::test]
async fn a_key_covers_a_pattern_with_its_star_taken_as_text() {
    for (key, pattern, allowed) in [
        ("a.b", "a.*", false),
        ("a.b", "a.b", true),
        ("a.*", "a.b.*", true),
        ("a.*", "a.*", true),
        ("a.*", "a.b", true),
        ("a.*.c", "a.x.c", true),
        ("a.*.c", "a.x.*", false),
    ] {
        let mut c = store(&Bus::new()).subscribe(&[key]).build();
        let result = c.ipc().subscribe(pattern).map_err(arm);
        assert_eq!(result.is_ok(), allowed, "{key} {pattern}");
        assert!(allowed || result.unwrap_err() == "capability-denied");
    }
}

// ipc case 10
#[tokio::test]
async fn the_hosts_replies_cannot_be_subscribed_to_although_declared() {
    let mut c = store(&Bus::new()).build();
    for pattern in
        ["astrid.v1.approval.response.*", "astrid.v1.elicit.response.x", "astrid.v1.elicit.response"]
    {
        assert_eq!(c.ipc().subscribe(pattern).map_err(arm).err(), Some("capability-denied"), "{pattern}");
    }
    assert!(c.ipc().subscribe("astrid.v1.elicit.*").is_ok());
    assert_eq!(c.outcomes()[0], Outcome::Denied("reserved"));
}

// ipc case 32
#[tokio::test]
async fn the_129th_subscription_is_over_quota_until_one_is_dropped() {
    let mut c = store(&Bus::new()).build();
    let mut inboxes: Vec<_> = (0..SUBSCRIPTIONS.default).map(|_| c.ipc().subscribe("t").unwrap()).collect();
    assert_eq!(c.ipc().subscribe("t").map_err(arm).err(), Some("quota"));
    c.ipc().unsubscribe(inboxes.remove(0)).unwrap();
    assert!(c.ipc().subscribe("t").is_ok());
    c.handle_for("bob");
    for _ in 0..SUBSCRIPTIONS.default {
        c.ipc().subscribe("t").unwrap();
    }
    assert_eq!(c.ipc().subscribe("t").map_err(arm).err(), Some("quota"));
}

// ipc case 29
#[tokio::test]
async fn a_handlers_waiter_and_a_run_loops_subscription_admit_different_principals() {
    let bus = Bus::new();
    let mut c = store(&bus).build();
    let pump = c.ipc().subscribe("p.v1.r").unwrap();
    c.handle_for("alice");
    let waiter = c.ipc().subscribe("p.v1.r").unwrap();
    let mut resident = store(&bus).build_with(|ctx| ctx.residency(Residency::SystemResident));
    let all = resident.ipc().subscribe("p.v1.r").unwrap();
    for provenance in
        [Provenance::of(verified("alice")), Provenance::of(verified("bob")), Provenance::system()]
    {
        announce(&bus, "p.v1.r", provenance);
    }
    let count = |c: &mut Store, inbox| {
        let mut n = 0;
        while let messages @ 1.. = c.ipc().poll(inbox).unwrap().messages.len() {
            n += messages;
        }
        n
    };
    assert_eq!(count(&mut c, &waiter), 1);
    assert_eq!(count(&mut c, &pump), 2);
    assert_eq!(count(&mut resident, &all), 3);
}

// ipc case 34
#[tokio::test]
async fn audit_entries_of_others_need_audit_read_all() {
    let bus = Bus::new();
    let mut plain = store(&bus).build();
    let mut auditor = store(&bus).build_with(|ctx| ctx.reads_all_audit(true));
    let inboxes = [plain.ipc().subscribe("astrid.*").unwrap(), auditor.ipc().subscribe("astrid.*").unwrap()];
    for name in ["bob", "alice"] {
        announce(&bus, "astrid.v1.audit.entry", Provenance::of(verified(name)));
    }
    let own = plain.ipc().poll(&inboxes[0]).unwrap();
    assert_eq!(own.messages[0].provenance().attribution, verified("alice"));
    assert!(plain.ipc().poll(&inboxes[0]).unwrap().messages.is_empty());
    let first = auditor.ipc().poll(&inboxes[1]).unwrap();
    assert_eq!(first.messages[0].provenance().attribution, verified("bob"));
    // Reading bob's entry does not make the auditor act for bob.
    assert_eq!(auditor.call.principal(), Some(&principal("alice")));
    assert!(auditor.call.caller().is_none());
    assert_eq!(auditor.ipc().poll(&inboxes[1]).unwrap().messages.len(), 1);
}

// ipc case 44
#[tokio::test]
async fn a_pollable_is_ready_until_the_queue_is_drained() {
    let mut c = store(&Bus::new()).build();
    let inbox = c.ipc().subscribe("t").unwrap();
    let ready = c.ipc().subscribe_readiness(&inbox).unwrap();
    assert!(!c.io().ready(&ready).unwrap());
    c.say("t").await.unwrap();
    assert!(c.io().ready(&ready).unwrap());
    assert!(c.io().ready(&ready).unwrap());
    c.io().block(&ready).await.unwrap();
    c.ipc().poll(&inbox).unwrap();
    assert!(!c.io().ready(&ready).unwrap());
}

// ipc case 44
#[tokio::test]
async fn a_poll_over_a_subscription_and_a_silent_source_wakes_with_the_subscription_alone() {
    let bus = Bus::new();
    let mut c = store(&bus).build();
    let mut other = store(&bus).build();
    let inbox = c.ipc().subscribe("t").unwrap();
    let ready = c.ipc().subscribe_readiness(&inbox).unwrap();
    let silent = readiness_fn(|_| std::task::Poll::<ReadyState>::Pending);
    let silent = c.ipc().host.push_pollable(silent).unwrap();
    let members = [ready, silent];
    let (woken, said) = {
        let mut io = c.io();
        tokio::join!(io.poll(&members), other.say("t"))
    };
    assert_eq!((woken.unwrap(), said), (vec![0], Ok(())));
}

// ipc case 44
#[tokio::test]
async fn on_unload_a_pollable_is_ready_and_a_poll_says_closed() {
    let gate = Gate::opened();
    let mut c = store(&Bus::new()).build_with(|ctx| ctx.gate(gate.clone()));
    let inbox = c.ipc().subscribe("t").unwrap();
    let ready = c.ipc().subscribe_readiness(&inbox).unwrap();
    gate.retire();
    assert!(c.io().ready(&ready).unwrap());
    assert_eq!(c.ipc().poll(&inbox).map_err(arm).err(), Some("closed"));
    assert_eq!(c.ipc().subscribe("t").map_err(arm).err(), Some("closed"));
}

// ipc case 45
#[tokio::test]
async fn a_pollable_may_outlive_its_subscription_and_is_then_closed() {
    let bus = Bus::new();
    let mut c = store(&bus).limit(&SUBSCRIPTIONS, 1).build();
    let inbox = c.ipc().subscribe("t").unwrap();
    let ready = c.ipc().subscribe_readiness(&inbox).unwrap();
    c.ipc().unsubscribe(inbox).unwrap();
    assert!(c.io().ready(&ready).unwrap());
    assert!(matches!(c.io().block(&ready).await, Err(IoError::Closed)));
    assert!(bus.is_idle());
    assert!(c.ipc().subscribe("t").is_ok());
}

#[tokio::test]
async fn passing_the_pollable_budget_traps() {
    let mut c = store(&Bus::new()).limit(&astrid_host_io::limits::POLLABLES, 1).build();
    let inbox = c.ipc().subscribe("t").unwrap();
    let _first = c.ipc().subscribe_readiness(&inbox).unwrap();
    assert_eq!(c.ipc().subscribe_readiness(&inbox).map_err(arm).err(), Some("trap"));
}

// ipc case 46
#[tokio::test]
async fn bindings_are_numbered_by_priority_topic_and_action() {
    let handler = |action: &str, topic: &str, priority| Handler {
        action: action.to_owned(),
        topic: topic.to_owned(),
        priority,
    };
    let bus = Bus::new();
    let mut c = store(&bus).build_with(|ctx| {
        ctx.handlers(vec![handler("a", "t", 100), handler("c", "s", 100), handler("b", "t", 10)])
    });
    c.handle_for("alice");
    let got: Vec<_> =
        c.ipc().interceptor_bindings().unwrap().into_iter().map(|(n, h)| (n, h.action)).collect();
    assert_eq!(got, [(0, "b".to_owned()), (1, "c".to_owned()), (2, "a".to_owned())]);
    assert_eq!(store(&bus).build().ipc().interceptor_bindings().unwrap(), []);
    c.own.cancellation().cancel();
    assert_eq!(c.ipc().interceptor_bindings().map_err(arm).err(), Some("closed"));
}
