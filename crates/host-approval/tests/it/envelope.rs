//! Records: every call has one decision, and every question exactly one.

use std::sync::Arc;

use astrid_host_approval::v1_0::bindings::astrid::approval::host::ErrorCode;
use astrid_host_approval::{BoxFuture, GrantsUnavailable, OpenQuestion, OpenQuestions, Reply};
use astrid_host_context::{AuditEvent, Outcome, Uuid};
use astrid_host_testkit::FakeHost;
use tokio::sync::{mpsc, watch};

use crate::common::{Desk, desk, desk_with};

fn fact<'a>(record: &'a AuditEvent, name: &str) -> Option<&'a str> {
    record.facts.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

// approval case 29, §2.8
#[tokio::test]
async fn every_question_is_recorded_before_it_is_put_and_linked_to_one_decision() {
    let mut desk = desk();
    for reply in [Reply::Once, Reply::Session, Reply::Deny, Reply::Always] {
        let resource = format!("{reply:?} secret-token\u{7}");
        desk.exchange(&format!("{reply:?}"), &resource, reply).await.unwrap();
    }
    desk.remembers("Session x").await;
    desk.remembers("Always x").await;
    let records = desk.state.fake.recorder().audited();
    assert_eq!(records.len(), 10);
    let ends = [("granted", "once"), ("granted", "session"), ("denied", "once"), ("granted", "always")];
    for (pair, (decision, scope)) in records.chunks(2).zip(ends) {
        let [requested, decided] = pair else { panic!("{pair:?}") };
        assert_eq!((requested.op.function, decided.op.function), ("requested", "decided"));
        assert_eq!(fact(requested, "request"), fact(decided, "request"));
        assert_eq!(fact(requested, "record"), fact(decided, "requested-record"));
        assert!(
            fact(requested, "record").is_some() && fact(requested, "record") != fact(requested, "request")
        );
        let said = ["decision", "scope", "via"].map(|name| fact(decided, name));
        assert_eq!(said, [Some(decision), Some(scope), Some("user")]);
        assert_eq!(decided.outcome, Outcome::Allowed, "a refusal is a decision");
        assert_eq!(fact(requested, "component"), Some("c0ffee"));
        assert!(fact(requested, "resource").is_some_and(|shown| shown.ends_with("secret-token")));
        let raw = format!("{}\u{7}", fact(requested, "resource").unwrap());
        assert_eq!(fact(requested, "resource-blake3"), desk_digest(&raw).as_deref());
        assert_eq!(requested.principal.as_ref().unwrap().as_str(), "alice");
    }
    let vias: Vec<_> = records[8..].iter().map(|record| fact(record, "via").unwrap()).collect();
    assert_eq!(vias, ["session_allowance", "remembered_consent"]);
}

fn desk_digest(text: &str) -> Option<String> {
    use astrid_host_context::AuditSink;
    FakeHost::builder().build().recorder().digest(text.as_bytes())
}

// approval case 29
#[tokio::test]
async fn without_a_record_nobody_is_asked_and_nothing_is_allowed() {
    let mut desk = Desk::with_session().await;
    desk.state.fake.recorder().refuse_records(true);
    for resource in ["git push", "git pull"] {
        let answer = desk.unasked("git", resource).await.unwrap();
        assert!(matches!(answer, Err(ErrorCode::Unknown(text)) if text == "audit unavailable"));
    }
    desk.state.fake.recorder().refuse_records(false);
    assert!(desk.remembers("git push").await);
}

// approval §2.8
#[tokio::test]
async fn a_call_that_is_abandoned_while_it_waits_has_ended_with_an_error() {
    let mut desk = desk();
    let asked = desk.unasked("git push", "git push").await.unwrap_err();
    let records = desk.state.fake.recorder().audited();
    let [requested, decided] = &*records else { panic!("{records:?}") };
    assert_eq!(fact(requested, "request"), Some(&*asked.id.to_string()));
    assert_eq!(fact(decided, "request"), fact(requested, "request"));
    assert_eq!((fact(decided, "via"), decided.outcome), (Some("error"), Outcome::Cancelled("abandoned")));
    assert_eq!(desk.approvals.places().taken(), 0);
}

// approval §2.8
#[tokio::test]
async fn what_is_refused_has_one_record_of_its_decision() {
    let mut desk = desk();
    desk.unasked("a\0", "x").await.unwrap().unwrap_err();
    let records = desk.state.fake.recorder().audited();
    let [decided] = &*records else { panic!("{records:?}") };
    assert_eq!((fact(decided, "via"), decided.outcome), (Some("error"), Outcome::Failed("invalid-input")));
}

/// Says what it was told.
struct Noted(mpsc::UnboundedSender<(bool, Uuid)>, watch::Receiver<bool>);

impl OpenQuestions for Noted {
    fn begin<'a>(&'a self, question: &'a OpenQuestion) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
        Box::pin(async {
            if *self.1.borrow() {
                return Err(GrantsUnavailable("read-only".to_owned()));
            }
            self.0.send((true, question.id)).map_err(|error| GrantsUnavailable(error.to_string()))
        })
    }

    fn end(&self, id: Uuid) -> BoxFuture<'_, Result<(), GrantsUnavailable>> {
        Box::pin(
            async move { self.0.send((false, id)).map_err(|error| GrantsUnavailable(error.to_string())) },
        )
    }
}

// approval case 30, §4
#[tokio::test]
async fn a_question_is_noted_as_open_from_before_it_is_put_until_its_decision_is_recorded() {
    let (told, mut notes) = mpsc::unbounded_channel();
    let (fail, failing) = watch::channel(false);
    let open = Arc::new(Noted(told, failing));
    let mut desk = desk_with(FakeHost::builder(), |approvals| approvals.open_questions(open));
    desk.exchange("git push", "git push", Reply::Once).await.unwrap();
    let (begun, ended) = (notes.recv().await.unwrap(), notes.recv().await.unwrap());
    assert_eq!((begun.0, ended), (true, (false, begun.1)));
    // Left alone while it waits.
    let asked = desk.unasked("git push", "git push").await.unwrap_err();
    assert_eq!(notes.recv().await.unwrap(), (true, asked.id));
    assert_eq!(notes.recv().await.unwrap(), (false, asked.id));
    fail.send_replace(true);
    let answer = desk.unasked("git push", "git push").await.unwrap();
    assert!(matches!(answer, Err(ErrorCode::StoreUnavailable)), "{answer:?}");
    assert!(!notes.recv().await.unwrap().0, "what may have been noted is taken back");
}

// approval case 30
#[tokio::test]
async fn a_question_that_a_dead_host_left_is_closed_as_an_error() {
    let host = FakeHost::builder().build();
    let question = OpenQuestion {
        id: Uuid::from_u128(1),
        record: Uuid::from_u128(2),
        principal: "alice".parse().unwrap(),
        capsule: "shell".parse().unwrap(),
    };
    question.close_abandoned(host.services());
    let [decided] = &*host.recorder().audited() else { panic!() };
    assert_eq!((decided.op.function, fact(decided, "via")), ("decided", Some("error")));
    assert_eq!(fact(decided, "requested-record"), Some(&*question.record.to_string()));
}
