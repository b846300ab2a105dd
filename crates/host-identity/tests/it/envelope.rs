//! Records, rates, cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use astrid_host_context::{Audit, AuditEvent, AuditSink, HostServices, Outcome, Written};
use astrid_host_identity::op_table::{MAY_ADMIN, MAY_LINK, MAY_RESOLVE};
use astrid_host_identity::v1_0::bindings::astrid::identity::host::ErrorCode;
use astrid_host_testkit::{AllowAll, FakeHost};

use crate::common::{fast, memory, on};

fn fact<'a>(record: &'a AuditEvent, name: &str) -> Option<&'a str> {
    record.facts.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn unaudited<T>(answer: Result<T, ErrorCode>) -> bool {
    matches!(answer, Err(ErrorCode::Unknown(why)) if why == "audit unavailable")
}

// identity case 27
#[tokio::test]
async fn records_name_who_did_what_and_hold_neither_an_account_nor_a_name() {
    let identities = memory();
    let mut state = on(&identities, fast().principal("bob"));
    let user = state.create(Some("Ada Lovelace")).await.unwrap();
    state.link("Chat", "secret-account", &user).await.unwrap();
    state.resolve("chat", "secret-account").await.unwrap();
    state.list(&user).await.unwrap();
    state.unlink("chat", "secret-account").await.unwrap();
    let denying = fast().deny(MAY_LINK, "*").deny(MAY_RESOLVE, "*").deny(MAY_ADMIN, "*");
    let mut denied = on(&identities, denying);
    denied.link("chat", "secret-account", &user).await.unwrap_err();
    denied.resolve("chat", "secret-account").await.unwrap_err();
    denied.create(Some("Ada Lovelace")).await.unwrap_err();
    let records: Vec<_> =
        [state.fake.recorder(), denied.fake.recorder()].iter().flat_map(|r| r.audited()).collect();
    let printed = format!("{records:?}");
    for secret in ["secret-account", "Ada", "Lovelace", "lovelace"] {
        assert!(!printed.contains(secret), "{secret}: {printed}");
    }
    let functions: Vec<_> = records.iter().map(|record| record.op.function).collect();
    assert_eq!(
        functions,
        [
            "changing",
            "identity-create-user",
            "changing",
            "identity-link",
            "identity-resolve",
            "identity-list-links",
            "changing",
            "identity-unlink",
            "identity-link",
            "identity-resolve",
            "identity-create-user",
        ]
    );
    let levels: Vec<_> = records.iter().filter_map(|record| fact(record, "level")).collect();
    assert_eq!(levels, ["admin", "link", "resolve", "link", "link", "link", "resolve", "admin"]);
    for record in &records {
        assert_eq!(fact(record, "component"), Some("c0ffee"));
    }
    let (before, link, denied) = (&records[2], &records[3], &records[8]);
    for record in [before, link, denied] {
        assert_eq!((fact(record, "platform"), fact(record, "method")), (Some("chat"), Some("chat_command")));
        assert_eq!(fact(record, "user"), Some(&*user));
        assert_eq!(fact(record, "account-blake3"), fact(&records[4], "account-blake3"));
    }
    assert_eq!(fact(before, "change"), fact(link, "change"));
    assert!(fact(before, "change").is_some() && fact(&records[0], "change") != fact(before, "change"));
    // Without the key nobody finds out by trying accounts.
    let plain = astrid_host_testkit::Recorder::default().digest(b"secret-account").unwrap();
    assert_ne!(fact(link, "account-blake3"), Some(&*plain));
    assert_eq!((link.outcome, denied.outcome), (Outcome::Allowed, Outcome::Denied("policy")));
    assert_eq!(link.principal.as_ref().unwrap().as_str(), "bob");
}

// identity case 26
#[tokio::test]
async fn without_a_record_nothing_changes_and_look_ups_go_on() {
    let mut state = on(&memory(), fast());
    let user = state.create(None).await.unwrap();
    state.link("chat", "a", &user).await.unwrap();
    state.fake.recorder().refuse_records(true);
    assert!(unaudited(state.link("chat", "b", &user).await));
    assert!(unaudited(state.unlink("chat", "a").await));
    assert!(unaudited(state.create(None).await));
    assert_eq!(state.resolve("chat", "a").await.unwrap().0, user);
    assert_eq!(state.list(&user).await.unwrap().len(), 1);
    state.fake.recorder().refuse_records(false);
    assert!(matches!(state.resolve("chat", "b").await, Err(ErrorCode::LinkNotFound)));
}

/// A sink whose disk fills up while the first record is written.
#[derive(Default)]
struct FillsUp(AtomicBool);

impl AuditSink for FillsUp {
    fn record(&self, _: AuditEvent) {}

    fn written(&self) -> Written {
        self.0.store(true, Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }

    fn accepts(&self, class: Audit) -> bool {
        class < Audit::Required || !self.0.load(Ordering::Relaxed)
    }
}

// identity case 26
#[tokio::test]
async fn a_sink_that_fails_at_the_first_record_keeps_the_change_from_being_made() {
    let identities = memory();
    let user = on(&identities, fast()).create(None).await.unwrap();
    let mut state = on(&identities, fast());
    let quota = Arc::new(astrid_host_context::Budgets::new());
    let services = HostServices::new(Arc::new(AllowAll), quota, Arc::new(FillsUp::default()));
    let host = astrid_host_context::HostCx { services: &services, ..state.fake.cx() };
    let mut view = astrid_host_identity::IdentityCtxView { ctx: &mut state.ctx, host };
    let refused = view.link("chat", "a", &user, "token").await;
    let expected = astrid_host_context::Refusal::AuditUnavailable;
    assert!(matches!(refused, Err(astrid_host_identity::Error::Refused(why)) if why == expected));
    assert!(matches!(state.resolve("chat", "a").await, Err(ErrorCode::LinkNotFound)));
}

// identity case 28
#[tokio::test(start_paused = true)]
async fn two_seconds_worth_of_look_ups_come_at_once_and_then_as_many_as_the_rate() {
    let identities = memory();
    let mut state = on(&identities, FakeHost::builder());
    let limited = |code: &ErrorCode| matches!(code, ErrorCode::Unknown(why) if why == "rate limited");
    for _ in 0..200 {
        assert!(matches!(state.resolve("chat", "a").await, Err(ErrorCode::LinkNotFound)));
    }
    // Another instance of the capsule is no way around.
    let mut second = on(&identities, FakeHost::builder().principal("bob"));
    for state in [&mut state, &mut second] {
        assert!(limited(&state.resolve("chat", "a").await.unwrap_err()));
    }
    let mut other = on(&identities, FakeHost::builder().capsule("other"));
    assert!(matches!(other.resolve("chat", "a").await, Err(ErrorCode::LinkNotFound)));
    tokio::time::advance(Duration::from_secs(1)).await;
    let mut answered = 0;
    for _ in 0..200 {
        answered += u32::from(!limited(&state.resolve("chat", "a").await.unwrap_err()));
    }
    assert_eq!(answered, 100);
    let mut changed = 0;
    for _ in 0..30 {
        changed += u32::from(state.create(None).await.is_ok());
    }
    assert_eq!(changed, 20);
}
