//! The envelope: admission, policy, quota, the race against cancellation and deadline, the record.
//!
//! One [`Entry`] stands for one call of one host function. A domain's operation reads top to bottom
//! in the order its chapter gives:
//!
//! ```
//! # use astrid_host_context::*;
//! # async fn op(cx: HostCx<'_>, key: &str) -> Result<u64, Refusal> {
//! const READ: Action = Action::new("demo", "read");
//! static GET: Op = Op::new("demo", "get", Audit::Record);
//! static SLOTS: Resource = Resource { name: "demo.slots", default: 8 };
//!
//! let entry = cx.enter(&GET);
//! entry
//!     .run(async {
//!         entry.allow(READ, Target::Key(key))?;
//!         let _slot = entry.reserve(&SLOTS, 1)?;
//!         entry.moved(5);
//!         Ok(5) // the work: dropped here if the call is cancelled or its time is up
//!     })
//!     .await
//! # }
//! ```
//!
//! Admission comes before the closure's first line, the record after its last. If the store goes
//! away in the middle, dropping the entry writes the record.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Instant, SystemTime};

use tracing::{Instrument, Span};

use crate::lock::locked;
use crate::{
    Action, Audit, AuditEvent, CallContext, Denial, Failure, HostServices, Op, Outcome, Permit, Refusal,
    Request, Resource, Standing, Subject, Target,
};

/// One call of one host function, from admission to record.
#[derive(Debug)]
pub struct Entry {
    call: CallContext,
    services: HostServices,
    op: &'static Op,
    span: Span,
    started: Option<(SystemTime, Instant)>,
    bytes: AtomicU64,
    notes: Mutex<Notes>,
    settled: AtomicBool,
}

#[derive(Debug, Default)]
struct Notes {
    target: Option<String>,
    facts: Vec<(&'static str, String)>,
}

impl Entry {
    /// Begins a call. Nothing is decided yet: admission is the first thing [`Entry::run`] does.
    #[must_use]
    pub fn new(call: &CallContext, services: &HostServices, op: &'static Op) -> Self {
        call.progress().mark_called();
        let span = tracing::debug_span!(
            target: "astrid.host",
            "host_call",
            domain = op.domain,
            function = op.function,
            capsule = call.capsule().as_str(),
            principal = call.principal().map(crate::Principal::as_str),
            outcome = tracing::field::Empty,
        );
        Self {
            call: call.clone(),
            services: services.clone(),
            op,
            span,
            started: (op.audit >= Audit::Event).then(|| (SystemTime::now(), Instant::now())),
            bytes: AtomicU64::new(0),
            notes: Mutex::default(),
            settled: AtomicBool::new(false),
        }
    }

    /// The context the call was admitted under.
    #[must_use]
    pub fn call(&self) -> &CallContext {
        &self.call
    }

    /// The services it is decided by, for work that asks the gate again from another thread.
    #[must_use]
    pub fn services(&self) -> &HostServices {
        &self.services
    }

    /// The function.
    #[must_use]
    pub fn op(&self) -> &'static Op {
        self.op
    }

    /// Admits the call and runs `work`, ending it when the token fires or the deadline passes. A
    /// token that fired wins over work that is ready in the same instant.
    ///
    /// # Errors
    /// The work's own error, or a [`Refusal`] mapped by the domain.
    pub async fn run<T, E: Failure>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let result = match self.call.admit() {
            Ok(()) => match self.race(work.instrument(self.span.clone())).await {
                Ok(result) => result,
                Err(refusal) => Err(refusal.into()),
            },
            Err(refusal) => Err(refusal.into()),
        };
        self.settle(result)
    }

    /// Admits the call and runs `work` to its end, for effects whose outcome must not be in doubt.
    /// The work itself must be bounded in time.
    ///
    /// # Errors
    /// The work's own error, or a [`Refusal`] mapped by the domain.
    pub async fn run_to_end<T, E: Failure>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let result = match self.call.admit() {
            Ok(()) => work.instrument(self.span.clone()).await,
            Err(refusal) => Err(refusal.into()),
        };
        self.settle(result)
    }

    /// Admits the call and runs work that cannot wait.
    ///
    /// # Errors
    /// The work's own error, or a [`Refusal`] mapped by the domain.
    pub fn run_now<T, E: Failure>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let result = match self.call.admit() {
            Ok(()) => self.span.in_scope(work),
            Err(refusal) => Err(refusal.into()),
        };
        self.settle(result)
    }

    /// Runs work whether or not the call is admitted, for functions that keep answering after
    /// cancellation in a way of their own, or cannot report a refusal at all. The record is the same.
    ///
    /// # Errors
    /// The work's own error.
    pub fn run_always<T, E: Failure>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let result = self.span.in_scope(work);
        self.settle(result)
    }

    /// Like [`Entry::run_always`] for work that waits and watches the token itself.
    ///
    /// # Errors
    /// The work's own error.
    pub async fn run_always_async<T, E: Failure>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let result = work.instrument(self.span.clone()).await;
        self.settle(result)
    }

    /// Waits for `work`, the token or the deadline, whichever comes first; the token wins a tie. For
    /// a wait inside [`Entry::run_to_end`] or [`Entry::run_always_async`] that has its own answer to
    /// being interrupted.
    ///
    /// # Errors
    /// [`Refusal::Cancelled`], [`Refusal::Retired`] or [`Refusal::DeadlineExceeded`].
    pub async fn race<T>(&self, work: impl Future<Output = T>) -> Result<T, Refusal> {
        let mut work = pin!(work);
        // Most calls never wait: one poll decides, and nothing is registered with token or timer.
        let first = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await;
        if let Poll::Ready(value) = first {
            return Ok(value);
        }
        let deadline = async {
            match self.call.deadline() {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let (mut fired, mut deadline) = (pin!(self.call.cancellation().fired()), pin!(deadline));
        poll_fn(|cx| {
            if fired.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(match self.call.standing() {
                    Standing::Retired => Refusal::Retired,
                    Standing::Live | Standing::Cancelled => Refusal::Cancelled,
                }));
            }
            if deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(Refusal::DeadlineExceeded));
            }
            work.as_mut().poll(cx).map(Ok)
        })
        .await
    }

    /// [`Entry::race`] for a wait that is for no computing and not for the bus, such as one for a person: the
    /// watchdog's windows begin anew, and a chain of publications ends (ipc chapter §3.6).
    ///
    /// # Errors
    /// Those of [`Entry::race`].
    pub async fn race_outside<T>(&self, work: impl Future<Output = T>) -> Result<T, Refusal> {
        let progress = self.call.progress();
        progress.mark_yielded();
        let ended = self.race(work).await;
        progress.mark_yielded();
        progress.mark_waited_outside();
        ended
    }

    /// Asks the policy.
    ///
    /// # Errors
    /// The policy's [`Denial`].
    pub fn allow(&self, action: Action, target: Target<'_>) -> Result<(), Denial> {
        self.target(target);
        self.services.policy().check(&Request {
            principal: self.call.principal(),
            capsule: self.call.capsule(),
            action,
            target,
        })
    }

    /// Takes `amount` of a resource; the permit may outlive the call.
    ///
    /// # Errors
    /// [`Refusal::Quota`], and nothing is taken.
    pub fn reserve(&self, resource: &'static Resource, amount: u64) -> Result<Permit, Refusal> {
        Ok(self.services.quota().acquire(&self.subject(), resource, amount)?)
    }

    /// The limit of a resource that the domain counts itself.
    #[must_use]
    pub fn limit(&self, resource: &'static Resource) -> u64 {
        self.services.quota().limit(&self.subject(), resource)
    }

    /// Makes sure the record of an [`Audit::Required`] function will be taken; call it last before
    /// the effect.
    ///
    /// # Errors
    /// [`Refusal::AuditUnavailable`].
    pub fn recordable(&self) -> Result<(), Refusal> {
        if self.op.audit == Audit::Required && !self.services.audit().accepts(self.op.audit) {
            return Err(Refusal::AuditUnavailable);
        }
        Ok(())
    }

    /// Names what the call is done to, for the record alone.
    pub fn target(&self, target: Target<'_>) {
        if self.started.is_some() {
            locked(&self.notes).target = target.describe();
        }
    }

    /// Adds a fact to the record; `value` is only made when there will be one.
    pub fn fact(&self, name: &'static str, value: impl FnOnce() -> String) {
        if self.started.is_some() {
            locked(&self.notes).facts.push((name, value()));
        }
    }

    /// Adds the digest of `bytes` to the record, where [`AuditSink::digest`](crate::AuditSink::digest) gives one.
    pub fn digest(&self, name: &'static str, bytes: &[u8]) {
        if self.started.is_some()
            && let Some(digest) = self.services.audit().digest(bytes)
        {
            locked(&self.notes).facts.push((name, digest));
        }
    }

    /// Adds to the bytes the call moved.
    pub fn moved(&self, bytes: usize) {
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whom this call is charged to.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject { principal: self.call.principal(), capsule: self.call.capsule() }
    }

    fn settle<T, E: Failure>(&self, result: Result<T, E>) -> Result<T, E> {
        match &result {
            Ok(_) => self.close(Outcome::Allowed, None),
            Err(error) => {
                // Silent and counted functions keep no detail, so none is made.
                let detail = self.started.and_then(|_| error.operator_detail());
                self.close(error.outcome(), detail);
            }
        }
        result
    }

    fn close(&self, outcome: Outcome, detail: Option<String>) {
        if self.settled.swap(true, Ordering::Relaxed) {
            return;
        }
        self.span.record("outcome", outcome.word());
        let bytes = self.bytes.load(Ordering::Relaxed);
        let audit = self.services.audit();
        if self.op.audit == Audit::Counted {
            audit.count(self.op, &self.subject(), bytes);
        }
        let Some((at, started)) = self.started else { return };
        let notes = std::mem::take(&mut *locked(&self.notes));
        audit.record(AuditEvent {
            op: self.op,
            capsule: self.call.capsule().clone(),
            capsule_uuid: self.call.capsule_uuid(),
            principal: self.call.principal().cloned(),
            invocation: self.call.invocation(),
            target: notes.target,
            outcome,
            detail,
            facts: notes.facts,
            bytes,
            at,
            elapsed: started.elapsed(),
        });
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // A trap or a dropped store ends the call without a result; the record must not be lost with it.
        self.close(Outcome::Cancelled("abandoned"), None);
    }
}
