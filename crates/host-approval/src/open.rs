//! Questions that are put, on disk, so that none stays without a decision when the host is killed.

use std::sync::{Arc, OnceLock};

use astrid_host_context::{AuditEvent, CapsuleId, HostServices, Outcome, Principal, Uuid};

use crate::grants::{BoxFuture, GrantsUnavailable};
use crate::op_table::DECIDED;

/// A question whose decision is not recorded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenQuestion {
    /// Its number.
    pub id: Uuid,
    /// The number of the record that says it was put.
    pub record: Uuid,
    /// Who was asked.
    pub principal: Principal,
    /// Who asked.
    pub capsule: CapsuleId,
}

/// Keeps the questions that are put, for a host that starts again after it was killed. What a call says was
/// done outlives the process.
pub trait OpenQuestions: Send + Sync {
    /// One is about to be put.
    fn begin<'a>(&'a self, question: &'a OpenQuestion) -> BoxFuture<'a, Result<(), GrantsUnavailable>>;

    /// Its decision is recorded.
    fn end(&self, id: Uuid) -> BoxFuture<'_, Result<(), GrantsUnavailable>>;
}

/// Keeps none: a host that is killed leaves questions without a decision in its records.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgotten;

impl OpenQuestions for Forgotten {
    fn begin<'a>(&'a self, _: &'a OpenQuestion) -> BoxFuture<'a, Result<(), GrantsUnavailable>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn end(&self, _: Uuid) -> BoxFuture<'_, Result<(), GrantsUnavailable>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl OpenQuestion {
    /// Records that it ended with the host that put it. For the start of a host, about a question that an
    /// earlier one began and did not end, and whose decision is not in the records.
    pub fn close_abandoned(&self, services: &HostServices) {
        services.audit().record(AuditEvent {
            op: &DECIDED,
            capsule: self.capsule.clone(),
            capsule_uuid: Uuid::nil(),
            principal: Some(self.principal.clone()),
            invocation: 0,
            target: None,
            outcome: Outcome::Cancelled("abandoned"),
            detail: Some("the host ended while the question waited".to_owned()),
            facts: vec![
                ("request", self.id.to_string()),
                ("requested-record", self.record.to_string()),
                ("decision", "denied".to_owned()),
                ("via", "error".to_owned()),
            ],
            bytes: 0,
            at: std::time::SystemTime::now(),
            elapsed: std::time::Duration::ZERO,
        });
    }
}

/// Ends a question in [`OpenQuestions`] once the record of its decision is written. Made before the call's entry,
/// and so dropped after that has written it.
pub(crate) struct Ending {
    open: Arc<dyn OpenQuestions>,
    services: HostServices,
    begun: OnceLock<Uuid>,
}

impl Ending {
    pub(crate) fn new(open: &Arc<dyn OpenQuestions>, services: &HostServices) -> Self {
        Self { open: open.clone(), services: services.clone(), begun: OnceLock::new() }
    }

    pub(crate) async fn begin(&self, question: &OpenQuestion) -> Result<(), GrantsUnavailable> {
        // Before it is known to have worked: what may be there is taken away again.
        let _ = self.begun.set(question.id);
        self.open.begin(question).await
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(id) = self.begun.get().copied() else { return };
        // A host that has stopped finds the decision in its records at the next start.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (open, services) = (self.open.clone(), self.services.clone());
        runtime.spawn(async move {
            services.audit().written().await;
            if let Err(error) = open.end(id).await {
                tracing::error!(request = %id, %error, "a question that has ended stays noted as open");
            }
        });
    }
}
