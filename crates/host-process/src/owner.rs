//! For whom a child was started, and the records made of it when no call is there.

use std::time::{Duration, SystemTime};

use astrid_host_context::{
    AuditEvent, CallContext, CapsuleId, Entry, HostServices, Op, Outcome, Principal, Uuid,
};

use crate::Reason;
use crate::op_table::REAPED;

/// Whose a child is. Its calls are compared with it, every one.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) principal: Option<Principal>,
    pub(crate) capsule: CapsuleId,
    pub(crate) capsule_uuid: Uuid,
    invocation: u64,
    services: HostServices,
}

impl Owner {
    pub(crate) fn of(entry: &Entry) -> Self {
        let call = entry.call();
        Self {
            principal: call.principal().cloned(),
            capsule: call.capsule().clone(),
            capsule_uuid: call.capsule_uuid(),
            invocation: call.invocation(),
            services: entry.services().clone(),
        }
    }

    /// Whether an id of this owner is visible to the call.
    pub(crate) fn sees(&self, call: &CallContext) -> bool {
        self.principal.as_ref() == call.principal() && &self.capsule == call.capsule()
    }

    /// The record of a child's end.
    pub(crate) fn reaped(&self, mark: &str, reason: Reason) {
        self.record(&REAPED, mark, vec![("reason", reason.as_str().to_owned())]);
    }

    fn record(&self, op: &'static Op, mark: &str, facts: Vec<(&'static str, String)>) {
        self.services.audit().record(AuditEvent {
            op,
            capsule: self.capsule.clone(),
            capsule_uuid: self.capsule_uuid,
            principal: self.principal.clone(),
            invocation: self.invocation,
            target: Some(target(mark)),
            outcome: Outcome::Allowed,
            detail: None,
            facts,
            bytes: 0,
            at: SystemTime::now(),
            elapsed: Duration::ZERO,
        });
    }
}

/// A child as records name it.
pub(crate) fn target(mark: &str) -> String {
    format!("process:{mark}")
}
