//! Work that comes from no event and still takes its turn.

use std::future::Future;

use astrid_host_context::Principal;
use uuid::Uuid;

use super::Dispatcher;

impl Dispatcher {
    /// Runs `work` in the queue of (capsule, principal), behind what waits there; `None` if the capsule is unloaded
    /// before its turn comes.
    pub(crate) async fn queued<T: Send + 'static>(
        &self,
        capsule: Uuid,
        principal: Option<Principal>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let lane = self.lanes.get((capsule, principal));
        let slot = lane.reserve().await?;
        if !self.capsules.read().contains_key(&capsule) {
            return None;
        }
        let working = self.busy.begin();
        let (done, result) = tokio::sync::oneshot::channel();
        let job = async move {
            // Whoever asked may have gone; the work is done nevertheless.
            let _ = done.send(work.await);
            drop(working);
        };
        lane.push(slot, Box::pin(job));
        result.await.ok()
    }

    /// True while nothing is queued for a capsule or being handled by it.
    pub(crate) fn is_idle(&self, capsule: Uuid) -> bool {
        self.lanes.is_idle(capsule)
    }
}
