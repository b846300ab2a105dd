//! From an event to the handlers that are bound to it.
//!
//! The bus finds the bindings and reserves a place in every queue before it delivers anything; this
//! module owns the queues. One (capsule, principal) has one queue, so a principal's events reach a
//! capsule in order and one at a time, while principals run in parallel.

mod busy;
mod chain;
mod direct;
mod lane;
mod lanes;
mod waits;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use astrid_event_bus::{Assignment, Binding, Draft, InterceptorSink, Message, NoSlot, Reserving, Slot};
use astrid_host_context::Principal;
use parking_lot::RwLock;
use uuid::Uuid;

use crate::Capsule;
use crate::runtime::registry::Registry;
use busy::Busy;
use chain::Link;
use lane::Lane;
use lanes::{LaneKey, Lanes};
use waits::Waits;

/// Runs handlers for the bus.
#[derive(Default)]
pub(crate) struct Dispatcher {
    lanes: Lanes,
    capsules: RwLock<HashMap<Uuid, Weak<dyn Capsule>>>,
    waits: Arc<Waits>,
    busy: Busy,
    /// Who reaches which build, where several of one name are loaded.
    views: OnceLock<Weak<Registry>>,
}

/// A reserved place, with the queue it is in.
struct Place {
    lane: Arc<Lane>,
    slot: lane::Slot,
}

impl Dispatcher {
    /// Makes a capsule's handlers reachable; its bindings go on the bus separately.
    pub(crate) fn add(&self, capsule: &Arc<dyn Capsule>) {
        self.capsules.write().insert(capsule.source_uuid(), Arc::downgrade(capsule));
    }

    /// Lets views decide who reaches which build of a capsule.
    pub(crate) fn follow(&self, views: &Arc<Registry>) {
        // A second runtime with the same dispatcher cannot be: each makes its own.
        let _ = self.views.set(Arc::downgrade(views));
    }

    /// Forgets a capsule and what is queued for it.
    pub(crate) fn remove(&self, capsule: Uuid) {
        self.capsules.write().remove(&capsule);
        self.lanes.remove_capsule(capsule);
    }

    /// Waits until no event is queued or being handled.
    pub(crate) async fn idle(&self) {
        self.busy.idle().await;
    }

    fn lane(&self, draft: &Draft, binding: &Binding) -> Result<(LaneKey, Arc<Lane>), NoSlot> {
        if !self.capsules.read().contains_key(&binding.capsule_uuid) {
            return Err(NoSlot::Gone);
        }
        let uuid = binding.capsule_uuid;
        let views = self.views.get().and_then(Weak::upgrade);
        if views.is_some_and(|views| !views.snapshot().sees(draft.authority(), uuid)) {
            return Err(NoSlot::Gone);
        }
        let key = (uuid, draft.authority().cloned());
        let lane = self.lanes.get(key.clone());
        Ok((key, lane))
    }

    fn link(&self, assignment: Assignment) -> Option<Link> {
        let Assignment { binding, slot } = assignment;
        let Place { lane, slot } = slot.into_inner()?;
        let capsule = self.capsules.read().get(&binding.capsule_uuid)?.upgrade()?;
        Some(Link { capsule, binding, lane, slot })
    }
}

impl InterceptorSink for Dispatcher {
    fn try_reserve(&self, draft: &Draft, binding: &Arc<Binding>) -> Result<Slot, NoSlot> {
        let (_, lane) = self.lane(draft, binding)?;
        let slot = lane.try_reserve().ok_or(NoSlot::Full)?;
        Ok(Slot::new(Place { lane, slot }))
    }

    fn reserve<'a>(&'a self, draft: &'a Draft, binding: &'a Arc<Binding>) -> Reserving<'a> {
        Box::pin(async move {
            let (target, lane) = self.lane(draft, binding)?;
            let source = (draft.source_id(), publisher(draft));
            let _waiting = self.waits.begin(source, target).ok_or(NoSlot::Cycle)?;
            let slot = lane.reserve().await.ok_or(NoSlot::Gone)?;
            Ok(Slot::new(Place { lane, slot }))
        })
    }

    fn hand_over(&self, message: &Message, work: Vec<Assignment>) {
        let links: Vec<_> = work.into_iter().filter_map(|assignment| self.link(assignment)).collect();
        chain::submit(message, links, &self.busy);
    }

    fn missed(&self, message: &Message, binding: &Arc<Binding>, why: NoSlot) {
        tracing::warn!(
            target: "astrid.dispatch",
            topic = message.topic().as_str(),
            capsule = %binding.capsule,
            action = &*binding.action,
            ?why,
            "an event did not reach its handler"
        );
    }
}

/// Whose queue the publisher's own handler runs in, for the cycle check: that of the authority the
/// handler got, which is also the draft's.
fn publisher(draft: &Draft) -> Option<Principal> {
    draft.authority().cloned()
}
