//! `stop` and `release-process`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::lookup::find;
use super::wait::marked;
use crate::child::Reason;
use crate::limits::{GRACE, MAX_GRACE};
use crate::op_table::{RELEASE, STOP};
use crate::registry::{Kept, Registry};
use crate::{Error, Exit, LaunchError, ProcessCtxView};

impl ProcessCtxView<'_> {
    /// Asks the child to end, kills it after a grace, and forgets its id. Goes on if the call is over before.
    ///
    /// # Errors
    /// No such process, or the call is over.
    pub async fn stop(&mut self, id: &str, grace_ms: Option<u64>) -> Result<Exit, Error> {
        let entry = self.host.enter(&STOP);
        let ctx = &*self.ctx;
        let work = async {
            let kept = find(ctx, &entry, id)?;
            let _using = kept.child.use_it();
            let grace = grace_ms.map_or(GRACE, Duration::from_millis).min(MAX_GRACE);
            let stopping = tokio::spawn(stopped(ctx.processes.registry.clone(), kept.clone(), grace));
            let lost = |_| Error::from(LaunchError::Failed("the process was lost".to_owned()));
            stopping.await.map_err(lost)
        };
        entry.run(marked(&entry, work)).await
    }

    /// Forgets a child that has ended, and whatever is not the caller's anyway.
    ///
    /// # Errors
    /// It runs.
    pub fn release_process(&mut self, id: &str) -> Result<(), Error> {
        let entry = self.host.enter(&RELEASE);
        let ctx = &*self.ctx;
        entry.run_now(|| match find(ctx, &entry, id) {
            Ok(kept) if kept.child.ended().is_none() => {
                Err(Error::Invalid("only an ended child is released"))
            }
            Ok(kept) => {
                ctx.processes.registry.remove(&kept);
                Ok(())
            }
            Err(Error::NoSuchProcess) => Ok(()),
            Err(error) => Err(error),
        })
    }
}

async fn stopped(registry: Arc<Registry>, kept: Arc<Kept>, grace: Duration) -> Exit {
    let child = &kept.child;
    if child.ended().is_none() && grace > Duration::ZERO {
        child.terminate(Reason::Killed);
        // What did not end in time is killed; what did is not there any more.
        let _ = timeout(grace, child.end()).await;
    }
    child.kill(Reason::Killed);
    let exit = child.end().await.exit;
    registry.remove(&kept);
    exit
}
