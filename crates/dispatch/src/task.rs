//! What waits in a queue: an event for its handler, or work that comes from no event and still takes
//! its turn.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use astrid_host_context::{Principal, Uuid};

use crate::Dispatcher;
use crate::busy::Working;
use crate::chain::Job;
use crate::core::Core;
use crate::fate::Reason;
use crate::member::Member;
use crate::target::BoxFuture;

#[derive(Debug)]
pub(crate) enum Task {
    Event(Job),
    Work(Work),
}

/// Work of a capsule that no event asked for.
pub(crate) struct Work {
    member: Arc<Member>,
    authority: Option<Principal>,
    run: BoxFuture<'static, ()>,
    _working: Arc<Working>,
}

impl Task {
    pub(crate) async fn run(self, core: &Arc<Core>) {
        match self {
            Self::Event(job) => job.run(core).await,
            Self::Work(Work { member, authority, run, _working }) => {
                core.permitted(&member, authority.as_ref(), run).await;
            }
        }
    }

    /// It will not be run here, which nobody is to be warned of. Who waits for work sees it dropped.
    pub(crate) fn discard(self, reason: Reason) {
        if let Self::Event(job) = self {
            job.discard(reason);
        }
    }
}

impl Dispatcher {
    /// Runs `work` for a capsule in the queue of `principal`, behind what waits there and under the same
    /// permits as its handlers; `None` if the capsule is unloaded before its turn comes.
    pub async fn queued<T: Send + 'static>(
        &self,
        capsule: Uuid,
        principal: Option<Principal>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let core = self.core();
        let member = core.member(capsule)?;
        let lane = member.lane(core, principal.as_ref())?;
        let slot = lane.reserve().await?;
        let (done, result) = tokio::sync::oneshot::channel();
        let run = Box::pin(async move {
            // Whoever asked may have gone; the work is done nevertheless.
            let _ = done.send(work.await);
        });
        let working = core.busy.begin();
        lane.push(core, slot, Task::Work(Work { member, authority: principal, run, _working: working }));
        result.await.ok()
    }

    /// True while nothing is queued for a capsule or being handled by it.
    #[must_use]
    pub fn is_idle(&self, capsule: Uuid) -> bool {
        self.core().member(capsule).is_none_or(|member| member.is_idle())
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("authority", &self.authority).finish_non_exhaustive()
    }
}
