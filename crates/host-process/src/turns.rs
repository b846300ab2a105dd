//! How many runs of `spawn` a principal has at a time. The others wait in order.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use astrid_host_context::Principal;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lines by principal. One exists only while somebody stands in it or runs, so memory follows use.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<Option<Principal>, Weak<Semaphore>>>);

/// A turn, over when dropped.
#[expect(dead_code, reason = "held, and dropped together")]
pub(crate) struct Turn(OwnedSemaphorePermit, Arc<Semaphore>);

impl Turns {
    /// Waits for a turn. A limit that changes holds for who comes when nobody of the principal runs.
    pub(crate) async fn take(&self, who: Option<&Principal>, at_once: u64) -> Option<Turn> {
        let line = self.line(who, at_once);
        let permit = line.clone().acquire_owned().await.ok()?;
        Some(Turn(permit, line))
    }

    fn line(&self, who: Option<&Principal>, at_once: u64) -> Arc<Semaphore> {
        let mut lines = self.0.lock();
        if let Some(line) = lines.get(&who.cloned()).and_then(Weak::upgrade) {
            return line;
        }
        lines.retain(|_, line| line.strong_count() > 0);
        let line = Arc::new(Semaphore::new(usize::try_from(at_once).unwrap_or(1).max(1)));
        lines.insert(who.cloned(), Arc::downgrade(&line));
        line
    }
}
