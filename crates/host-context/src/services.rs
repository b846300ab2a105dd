//! The three services all stores of a kernel share.

use std::fmt;
use std::sync::Arc;

use crate::policy::Rule;
use crate::{AuditSink, Budgets, CapsuleSecurityGate, Denial, NoAudit, Quota, Request};

/// Policy, quota and audit, shared by all stores. A clone is one reference count.
#[derive(Clone)]
pub struct HostServices(Arc<Parts>);

struct Parts {
    policy: Arc<dyn CapsuleSecurityGate>,
    quota: Arc<dyn Quota>,
    audit: Arc<dyn AuditSink>,
}

impl HostServices {
    /// Services made of these parts.
    #[must_use]
    pub fn new(
        policy: Arc<dyn CapsuleSecurityGate>,
        quota: Arc<dyn Quota>,
        audit: Arc<dyn AuditSink>,
    ) -> Self {
        Self(Arc::new(Parts { policy, quota, audit }))
    }

    /// The embedder's own rule as the gate, default budgets, nothing recorded. For kernels whose linker
    /// is most of the limit: a guest can only call what was linked.
    #[must_use]
    pub fn ruled_by(rule: impl Fn(&Request<'_>) -> Result<(), Denial> + Send + Sync + 'static) -> Self {
        Self::new(Arc::new(Rule(rule)), Arc::new(Budgets::new()), Arc::new(NoAudit))
    }

    /// The same quota and audit behind another gate, for kernels whose policy is per capsule.
    #[must_use]
    pub fn with_policy(&self, policy: Arc<dyn CapsuleSecurityGate>) -> Self {
        Self::new(policy, self.0.quota.clone(), self.0.audit.clone())
    }

    /// The gate.
    #[must_use]
    pub fn policy(&self) -> &dyn CapsuleSecurityGate {
        &*self.0.policy
    }

    /// The budgets.
    #[must_use]
    pub fn quota(&self) -> &dyn Quota {
        &*self.0.quota
    }

    /// The audit sink.
    #[must_use]
    pub fn audit(&self) -> &dyn AuditSink {
        &*self.0.audit
    }
}

impl fmt::Debug for HostServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostServices").finish_non_exhaustive()
    }
}
