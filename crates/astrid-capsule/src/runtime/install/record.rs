//! What the audit keeps of installations.

use std::time::{Instant, SystemTime};

use astrid_host_context::{Audit, AuditEvent, Op, Outcome, Scope, Uuid};

use crate::runtime::Inner;
use crate::{CapsuleError, Code};

pub(super) static INSTALL: Op = Op::new("capsule", "install", Audit::Record);
pub(super) static UNINSTALL: Op = Op::new("capsule", "uninstall", Audit::Record);
pub(super) static RECOVER: Op = Op::new("capsule", "recover", Audit::Record);

/// One record, kept until it is known how the work ended.
pub(super) struct Record {
    op: &'static Op,
    scope: Scope,
    pub(super) facts: Vec<(&'static str, String)>,
    at: SystemTime,
    begun: Instant,
}

impl Record {
    pub(super) fn new(op: &'static Op, scope: &Scope) -> Self {
        Self { op, scope: scope.clone(), facts: Vec::new(), at: SystemTime::now(), begun: Instant::now() }
    }

    /// Hands it to the audit.
    pub(super) fn end<T>(self, runtime: &Inner, result: &Result<T, CapsuleError>) {
        let error = result.as_ref().err();
        runtime.services.audit().record(AuditEvent {
            op: self.op,
            capsule: self.scope.capsule,
            capsule_uuid: Uuid::nil(),
            principal: self.scope.principal,
            invocation: 0,
            target: None,
            outcome: error.map_or(Outcome::Allowed, outcome),
            detail: error.map(ToString::to_string),
            facts: self.facts,
            bytes: 0,
            at: self.at,
            elapsed: self.begun.elapsed(),
        });
    }
}

fn outcome(error: &CapsuleError) -> Outcome {
    match error.code() {
        Code::Unapproved => Outcome::Denied(Code::Unapproved.as_str()),
        Code::Cancelled => Outcome::Cancelled(Code::Cancelled.as_str()),
        other => Outcome::Failed(other.as_str()),
    }
}
