//! One publication: slots first, then its place in the order, then everyone, then the wake-ups.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::MutexGuard;
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::bindings::Bound;
use crate::bus::{Bus, MAX_FAN_OUT, Shared};
use crate::index::Found;
use crate::interceptor::{Assignment, Binding, HandOver, InterceptorSink, NoSlot};
use crate::{Draft, Lane, Message, Slot};

/// What a publication reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Its number on this bus.
    pub seq: u64,
    /// Subscriptions it was queued in.
    pub delivered: usize,
    /// Handlers it was handed to.
    pub handed_over: usize,
    /// Targets left out because there were more than [`MAX_FAN_OUT`].
    pub capped: usize,
    /// Handlers whose queue was full; only a host's own message goes out nevertheless.
    pub refused: usize,
}

/// Why a publication went nowhere. Nothing was delivered and no number was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused<E> {
    /// A handler's queue stayed full until the wait was over.
    #[error("a handler's queue stayed full")]
    Backpressure,
    /// Waiting would have closed a circle of publishers that wait on each other.
    #[error("publishers would wait on each other in a circle")]
    Cycle,
    /// The publisher was no longer admitted when the wait was over.
    #[error("no longer admitted")]
    NotAdmitted(E),
}

impl Bus {
    /// Publishes for a guest. Waits at most `wait` for room at every matching handler, then asks
    /// `still_admitted`, then delivers without waiting for anybody.
    ///
    /// Dropping the future before it completes publishes nothing.
    ///
    /// # Errors
    /// [`Refused`], and nothing was delivered anywhere.
    pub async fn publish<E>(
        &self,
        draft: Draft,
        wait: Duration,
        still_admitted: impl Fn() -> Result<(), E>,
    ) -> Result<Report, Refused<E>> {
        let deadline = Instant::now() + wait;
        loop {
            let plan = self.shared.reserve(&draft, deadline).await?;
            still_admitted().map_err(Refused::NotAdmitted)?;
            // No turn: bindings changed since the slots were taken, so take them anew.
            if let Some(turn) = self.shared.turn(draft.lane(), plan.epoch) {
                return Ok(self.shared.commit(draft, plan, turn));
            }
        }
    }

    /// Publishes for the host itself, at once. Of a handler without room the dispatcher hears
    /// ([`HandOver::unreached`]) and may still find it some; everyone else gets the message.
    pub fn announce(&self, draft: Draft) -> Report {
        loop {
            let plan = self.shared.reserve_now(&draft);
            if let Some(turn) = self.shared.turn(draft.lane(), plan.epoch) {
                return self.shared.commit(draft, plan, turn);
            }
        }
    }
}

/// What a publication holds before it is committed.
#[derive(Default)]
struct Plan {
    epoch: u64,
    /// In the order of the chain.
    work: Vec<Assignment>,
    unreached: Vec<(Arc<Binding>, NoSlot)>,
    capped: usize,
    refused: usize,
}

impl Shared {
    async fn reserve<E>(&self, draft: &Draft, deadline: Instant) -> Result<Plan, Refused<E>> {
        let (mut plan, targets) = self.targets(draft);
        let Some(sink) = self.sink.as_deref().filter(|_| !targets.is_empty()) else { return Ok(plan) };
        let mut taken = Vec::with_capacity(targets.len());
        // In creation order, the same for all publishers: none holds what another waits for.
        let mut queue: Vec<(usize, Bound)> = targets.into_iter().enumerate().collect();
        queue.sort_unstable_by_key(|(_, bound)| bound.number);
        for (place, Bound { binding, .. }) in queue {
            let slot = match sink.try_reserve(draft, &binding) {
                Err(NoSlot::Full) => wait_for_slot(sink, draft, &binding, deadline).await,
                other => other,
            };
            match slot {
                Ok(slot) => taken.push((place, Assignment { binding, slot })),
                Err(NoSlot::Gone) => {}
                Err(why @ (NoSlot::Refused | NoSlot::Capped)) => plan.unreached.push((binding, why)),
                Err(NoSlot::Full) => return Err(Refused::Backpressure),
                Err(NoSlot::Cycle) => return Err(Refused::Cycle),
            }
        }
        taken.sort_unstable_by_key(|(place, _)| *place);
        plan.work = taken.into_iter().map(|(_, assignment)| assignment).collect();
        Ok(plan)
    }

    fn reserve_now(&self, draft: &Draft) -> Plan {
        let (mut plan, targets) = self.targets(draft);
        let Some(sink) = self.sink.as_deref() else { return plan };
        for Bound { binding, .. } in targets {
            match sink.try_reserve(draft, &binding) {
                Ok(slot) => plan.work.push(Assignment { binding, slot }),
                Err(NoSlot::Gone) => {}
                Err(why) => {
                    plan.refused += usize::from(why == NoSlot::Full);
                    plan.unreached.push((binding, why));
                }
            }
        }
        plan
    }

    /// The handlers a publication is for; those beyond the cap are already written off.
    fn targets(&self, draft: &Draft) -> (Plan, Vec<Bound>) {
        let epoch = self.bindings.epoch();
        if self.sink.is_none() {
            return (Plan { epoch, ..Plan::default() }, Vec::new());
        }
        let mut targets = self.bindings.find(draft);
        let over = targets.split_off(targets.len().min(MAX_FAN_OUT));
        let capped = over.len();
        let unreached = over.into_iter().map(|bound| (bound.binding, NoSlot::Capped)).collect();
        (Plan { epoch, unreached, capped, ..Plan::default() }, targets)
    }

    /// The lane's turn in the order, unless bindings changed after `epoch`.
    fn turn(&self, lane: &Lane, epoch: u64) -> Option<MutexGuard<'_, ()>> {
        self.order(lane).filter(|_| self.bindings.epoch() == epoch)
    }

    fn commit(&self, draft: Draft, plan: Plan, turn: MutexGuard<'_, ()>) -> Report {
        let Plan { mut work, unreached, mut capped, refused, .. } = plan;
        work.retain(|assignment| assignment.binding.gate.is_open());
        let mut routes = self.index.find(draft.topic().as_str(), |route| route.admits(&draft));
        let room = MAX_FAN_OUT - work.len().min(MAX_FAN_OUT);
        if routes.len() > room {
            routes.sort_unstable_by_key(|route| route.number);
        }
        let seq = self.next_seq();
        let message = draft.into_message(seq);
        self.observers.show(&message);
        let (asleep, delivered, evicted) = fill(&message, &routes, room);
        for route in routes.iter().skip(room) {
            route.mailbox.count_dropped();
            capped += 1;
        }
        let handed_over = work.len();
        if let Some(sink) = &self.sink {
            // Between subscribers alone there is nothing for a dispatcher to know.
            if handed_over > 0 || !unreached.is_empty() || delivered == 0 {
                sink.hand_over(&message, HandOver { work, unreached, delivered });
            }
        }
        drop(turn);
        asleep.iter().for_each(|place| {
            if let Some(route) = routes.get(*place) {
                route.mailbox.wake();
            }
        });
        self.counters.add(delivered, evicted, capped);
        Report { seq, delivered, handed_over, capped, refused }
    }
}

/// Queues the message in the first `room` routes. Returns which of them have sleepers to wake, how
/// many took it, and how many messages had to go for it.
fn fill(message: &Message, routes: &Found, room: usize) -> (SmallVec<[usize; 8]>, usize, u64) {
    let (mut asleep, mut delivered, mut evicted) = (SmallVec::new(), 0, 0);
    for (place, route) in routes.iter().enumerate().take(room) {
        let pushed = route.mailbox.push(message.clone());
        delivered += usize::from(pushed.stored);
        evicted += pushed.evicted;
        if pushed.wake {
            asleep.push(place);
        }
    }
    (asleep, delivered, evicted)
}

async fn wait_for_slot(
    sink: &dyn InterceptorSink,
    draft: &Draft,
    binding: &Arc<Binding>,
    deadline: Instant,
) -> Result<Slot, NoSlot> {
    match tokio::time::timeout_at(deadline, sink.reserve(draft, binding)).await {
        Ok(slot) => slot,
        Err(_elapsed) => Err(NoSlot::Full),
    }
}
