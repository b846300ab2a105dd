//! The envelope's order: admission, policy, quota, work against cancellation and deadline, record.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::sync::Arc;
use std::time::Duration;

use astrid_host_context::{
    Action, Audit, AuditEvent, AuditSink, Budgets, CallContext, CallSlot, Cancellation, CapsuleId,
    CapsuleSecurityGate, Denial, DenyAll, Entry, HostServices, Op, Outcome, Principal, Refusal, Request,
    Resource, Target,
};
use parking_lot::Mutex;

struct AllowAll;

impl CapsuleSecurityGate for AllowAll {
    fn check(&self, _: &Request<'_>) -> Result<(), Denial> {
        Ok(())
    }
}

static RECORDED: Op = Op::new("test", "recorded", Audit::Record);
static SILENT: Op = Op::new("test", "silent", Audit::Silent);
static REQUIRED: Op = Op::new("test", "required", Audit::Required);
static ONE: Resource = Resource { name: "test.one", default: 1 };
const ACT: Action = Action::new("test", "act");

#[derive(Default)]
struct Log {
    events: Mutex<Vec<AuditEvent>>,
    closed: bool,
}

impl AuditSink for Log {
    fn record(&self, event: AuditEvent) {
        self.events.lock().push(event);
    }

    fn accepts(&self, _: Audit) -> bool {
        !self.closed
    }
}

impl Log {
    fn outcomes(&self) -> Vec<Outcome> {
        self.events.lock().iter().map(|event| event.outcome).collect()
    }
}

fn services(log: &Arc<Log>) -> HostServices {
    HostServices::new(Arc::new(AllowAll), Arc::new(Budgets::new()), log.clone())
}

fn call(token: &Cancellation) -> CallSlot {
    CallSlot::new(
        CallContext::builder(CapsuleId::parse("c").unwrap())
            .principal(Principal::parse("alice").unwrap())
            .cancellation(token.clone())
            .build(),
    )
}

#[tokio::test]
async fn a_retired_principal_reaches_no_work_and_leaves_a_denied_record() {
    let (log, token) = (Arc::new(Log::default()), Cancellation::new());
    token.retire();
    let entry = Entry::new(&call(&token), &services(&log), &RECORDED);
    let ran = std::cell::Cell::new(false);
    let result: Result<(), Refusal> = entry
        .run(async {
            ran.set(true);
            Ok(())
        })
        .await;
    assert_eq!(result, Err(Refusal::Retired));
    assert!(!ran.get());
    assert_eq!(log.outcomes(), [Outcome::Denied("retired")]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_on_cancellation_and_is_recorded_as_cancelled() {
    let (log, token) = (Arc::new(Log::default()), Cancellation::new());
    let entry = Entry::new(&call(&token), &services(&log), &RECORDED);
    let wait = entry.run(std::future::pending::<Result<(), Refusal>>());
    let (result, ()) = tokio::join!(wait, async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        token.cancel();
    });
    assert_eq!(result, Err(Refusal::Cancelled));
    assert_eq!(log.outcomes(), [Outcome::Cancelled("cancelled")]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_the_deadline_of_its_call() {
    let log = Arc::new(Log::default());
    let start = tokio::time::Instant::now();
    let call = call(&Cancellation::new()).to_builder().deadline(Some(start + Duration::from_secs(3))).build();
    let entry = Entry::new(&call, &services(&log), &RECORDED);
    let result = entry.run(std::future::pending::<Result<(), Refusal>>()).await;
    assert_eq!(result, Err(Refusal::DeadlineExceeded));
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    assert_eq!(log.outcomes(), [Outcome::Cancelled("deadline")]);
    assert_eq!(call.admit(), Err(Refusal::DeadlineExceeded));
}

#[tokio::test(start_paused = true)]
async fn cancellation_wins_over_work_that_is_ready_in_the_same_instant() {
    let (log, token) = (Arc::new(Log::default()), Cancellation::new());
    let entry = Entry::new(&call(&token), &services(&log), &RECORDED);
    let both = token.clone();
    let result: Result<(), Refusal> = entry
        .run(async move {
            tokio::task::yield_now().await;
            both.cancel();
            tokio::task::yield_now().await;
            Ok(())
        })
        .await;
    assert_eq!(result, Err(Refusal::Cancelled));
}

#[tokio::test]
async fn a_policy_denial_is_recorded_with_what_would_allow_it_and_the_target() {
    let log = Arc::new(Log::default());
    let services = HostServices::new(Arc::new(DenyAll), Arc::new(Budgets::new()), log.clone());
    let entry = Entry::new(&call(&Cancellation::new()), &services, &RECORDED);
    let result: Result<(), Refusal> = entry.run(async { Ok(entry.allow(ACT, Target::Key("k"))?) }).await;
    assert!(matches!(result, Err(Refusal::Denied(_))));
    let events = log.events.lock();
    let event = events.first().unwrap();
    assert_eq!(event.outcome, Outcome::Denied("policy"));
    assert_eq!(event.target.as_deref(), Some("k"));
    assert_eq!(event.detail.as_deref(), Some("this host allows no test act"));
    assert_eq!(event.principal.as_ref().unwrap().as_str(), "alice");
}

#[tokio::test]
async fn a_quota_permit_comes_back_when_the_work_is_cancelled() {
    let (log, token) = (Arc::new(Log::default()), Cancellation::new());
    let (services, slot) = (services(&log), call(&token));
    let entry = Entry::new(&slot, &services, &RECORDED);
    let wait = entry.run(async {
        let _permit = entry.reserve(&ONE, 1)?;
        assert!(entry.reserve(&ONE, 1).is_err());
        token.cancel();
        std::future::pending::<Result<(), Refusal>>().await
    });
    assert_eq!(wait.await, Err(Refusal::Cancelled));
    assert!(entry.reserve(&ONE, 1).is_ok());
}

#[test]
fn a_required_record_that_the_sink_refuses_stops_the_call_before_its_effect() {
    let log = Arc::new(Log { closed: true, ..Log::default() });
    let entry = Entry::new(&call(&Cancellation::new()), &services(&log), &REQUIRED);
    let result: Result<(), Refusal> = entry.run_now(|| entry.recordable());
    assert_eq!(result, Err(Refusal::AuditUnavailable));
}

#[test]
fn a_silent_call_leaves_no_record() {
    let log = Arc::new(Log::default());
    let entry = Entry::new(&call(&Cancellation::new()), &services(&log), &SILENT);
    entry.run_now(|| Ok::<_, Refusal>(())).unwrap();
    drop(entry);
    assert!(log.outcomes().is_empty());
}

#[tokio::test]
async fn a_call_whose_store_goes_away_is_recorded_as_abandoned() {
    let log = Arc::new(Log::default());
    let entry = Entry::new(&call(&Cancellation::new()), &services(&log), &RECORDED);
    entry.moved(7);
    drop(entry);
    assert_eq!(log.outcomes(), [Outcome::Cancelled("abandoned")]);
    assert_eq!(log.events.lock().first().unwrap().bytes, 7);
}
