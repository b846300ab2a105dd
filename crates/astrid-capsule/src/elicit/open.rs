//! The questions that wait, and whose they are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use astrid_host_context::{Cancellation, CapsuleId, Principal, Uuid};
use astrid_host_elicit::Question;
use parking_lot::Mutex;
use tokio::sync::broadcast;

/// Questions a front end may be behind by; more than wait at once host-wide.
const BACKLOG: usize = 128;

/// A question that was put.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: Uuid,
    pub(super) owner: Uuid,
    pub(super) who: Principal,
    pub(super) capsule: CapsuleId,
    pub(super) question: Question,
    /// Fires when it is asked no longer.
    pub(super) over: Cancellation,
}

/// All questions that wait, for front ends in this process.
pub(super) struct Open {
    waiting: Mutex<HashMap<Uuid, Arc<Slot>>>,
    news: broadcast::Sender<Arc<Slot>>,
    /// Owners that this process minted for calls of its own.
    minted: Mutex<HashSet<Uuid>>,
}

impl Default for Open {
    fn default() -> Self {
        Self { waiting: Mutex::default(), news: broadcast::channel(BACKLOG).0, minted: Mutex::default() }
    }
}

impl Open {
    pub(super) fn mint(this: &Arc<Self>) -> Owner {
        let id = uuid::Uuid::new_v4().into();
        this.minted.lock().insert(id);
        Owner { id, open: this.clone() }
    }

    pub(super) fn is_minted(&self, owner: Uuid) -> bool {
        self.minted.lock().contains(&owner)
    }

    /// A place among those that wait, until it is dropped.
    pub(super) fn enter(this: &Arc<Self>, slot: Slot) -> Waiting {
        let slot = Arc::new(slot);
        this.waiting.lock().insert(slot.id, slot.clone());
        // Nobody may be listening, and who comes later looks at what waits.
        let _ = this.news.send(slot.clone());
        Waiting { slot, open: this.clone() }
    }

    /// What comes from now on, and what waits now; a question may be in both.
    pub(super) fn listen(&self) -> (broadcast::Receiver<Arc<Slot>>, Vec<Arc<Slot>>) {
        let news = self.news.subscribe();
        (news, self.waiting())
    }

    pub(super) fn waiting(&self) -> Vec<Arc<Slot>> {
        self.waiting.lock().values().cloned().collect()
    }
}

/// A question's place among those that wait.
pub(super) struct Waiting {
    slot: Arc<Slot>,
    open: Arc<Open>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.open.waiting.lock().remove(&self.slot.id);
        self.slot.over.cancel();
    }
}

/// Whose questions an install or upgrade hook asks that this process calls: nobody outside of it has this id.
pub(crate) struct Owner {
    id: Uuid,
    open: Arc<Open>,
}

impl Owner {
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.open.minted.lock().remove(&self.id);
    }
}
