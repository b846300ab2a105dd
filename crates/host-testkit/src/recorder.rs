//! Keeps what the three services were asked and told, in order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use astrid_host_context::{
    Action, Audit, AuditEvent, AuditSink, Budgets, CapsuleSecurityGate, Denial, Op, Permit, Quota,
    QuotaExceeded, Request, Resource, Subject,
};
use parking_lot::Mutex;

/// One thing a service was asked or told.
#[derive(Debug, Clone)]
pub enum Told {
    /// The gate decided.
    Policy {
        /// What was asked for.
        action: Action,
        /// To what, described.
        target: Option<String>,
        /// The decision.
        allowed: bool,
    },
    /// A budget was drawn on.
    Quota {
        /// The resource's name.
        resource: &'static str,
        /// How much was asked for.
        amount: u64,
        /// Whether it was given.
        granted: bool,
    },
    /// A call ended.
    Audit(AuditEvent),
}

/// Policy, quota and audit of a [`crate::FakeHost`] in one. Rules deny; what no rule names is allowed.
#[derive(Debug, Default)]
pub struct Recorder {
    pub(crate) denied: Vec<(Action, Option<String>)>,
    pub(crate) budgets: Mutex<Budgets>,
    told: Mutex<Vec<Told>>,
    counts: Mutex<HashMap<&'static str, (u64, u64)>>,
    refuses_records: AtomicBool,
}

impl Recorder {
    /// Everything so far, in order.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().clone()
    }

    /// The audit events so far, in order.
    #[must_use]
    pub fn audited(&self) -> Vec<AuditEvent> {
        let told = self.told.lock();
        told.iter()
            .filter_map(|t| if let Told::Audit(event) = t { Some(event.clone()) } else { None })
            .collect()
    }

    /// (calls, bytes) of a counted function.
    #[must_use]
    pub fn counted(&self, function: &str) -> (u64, u64) {
        self.counts.lock().get(function).copied().unwrap_or_default()
    }

    /// Forgets everything told so far; budgets and rules stay.
    pub fn clear(&self) {
        self.told.lock().clear();
        self.counts.lock().clear();
    }

    /// What `subject` holds of a resource.
    #[must_use]
    pub fn held(&self, subject: &Subject<'_>, resource: &'static Resource) -> u64 {
        self.budgets.lock().held(subject, resource)
    }

    /// Changes a limit while the host runs, as an operator editing a profile would. What is held stays held.
    pub fn set_limit(&self, resource: &'static Resource, limit: u64) {
        let mut budgets = self.budgets.lock();
        *budgets = budgets.clone().with_limit(resource, limit);
    }

    /// Makes [`AuditSink::accepts`] say no (or yes again).
    pub fn refuse_records(&self, refuse: bool) {
        self.refuses_records.store(refuse, Ordering::Relaxed);
    }
}

impl CapsuleSecurityGate for Recorder {
    fn check(&self, request: &Request<'_>) -> Result<(), Denial> {
        let target = request.target.describe();
        let denied = self
            .denied
            .iter()
            .any(|(action, only)| *action == request.action && (only.is_none() || *only == target));
        self.told.lock().push(Told::Policy { action: request.action, target, allowed: !denied });
        if denied { Err(Denial::new("a test rule denies it").allowed_by("the test")) } else { Ok(()) }
    }
}

impl Quota for Recorder {
    fn limit(&self, subject: &Subject<'_>, resource: &'static Resource) -> u64 {
        self.budgets.lock().limit(subject, resource)
    }

    fn acquire(
        &self,
        subject: &Subject<'_>,
        resource: &'static Resource,
        amount: u64,
    ) -> Result<Permit, QuotaExceeded> {
        let permit = self.budgets.lock().acquire(subject, resource, amount);
        let granted = permit.is_ok();
        self.told.lock().push(Told::Quota { resource: resource.name, amount, granted });
        permit
    }
}

impl AuditSink for Recorder {
    fn record(&self, event: AuditEvent) {
        self.told.lock().push(Told::Audit(event));
    }

    fn count(&self, op: &'static Op, _: &Subject<'_>, bytes: u64) {
        let mut counts = self.counts.lock();
        let (calls, moved) = counts.entry(op.function).or_default();
        *calls += 1;
        *moved += bytes;
    }

    fn digest(&self, bytes: &[u8]) -> Option<String> {
        Some(blake3::hash(bytes).to_hex().to_string())
    }

    fn accepts(&self, _: Audit) -> bool {
        !self.refuses_records.load(Ordering::Relaxed)
    }
}
