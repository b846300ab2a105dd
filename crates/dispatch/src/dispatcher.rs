//! The dispatcher: the bus's sink for handlers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use astrid_event_bus::{
    AccessPattern, Assignment, Binding, Bus, Draft, HandOver, InterceptorSink, Message, NoSlot, Reserving,
    Slot as BusSlot,
};
use astrid_host_context::{AuditSink, NoAudit, Principal, Uuid};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::access::{Access, OpenAccess, Surface, admits, surface};
use crate::chain::{self, Link};
use crate::core::Core;
use crate::fate::{Fate, Reason};
use crate::hooks::HookService;
use crate::lane::{Lane, Slot};
use crate::limits::{FixedLimits, Limits, MAX_QUEUES};
use crate::member::Member;
use crate::native::NativeGuard;
use crate::outbox::{self, Notice, Outbox};
use crate::prompts::REPLIES;
use crate::stats::Stats;
use crate::target::Target;
use crate::watchdog::{self, Views};

/// Runs handlers for a [`Bus`]. Built first, given to [`Bus::builder`] as its sink, and then
/// [attached](Dispatcher::attach) to the bus, so that it can publish what it has to tell.
pub struct Dispatcher {
    core: Arc<Core>,
    notices: Mutex<Option<UnboundedReceiver<Notice>>>,
}

/// Builds a [`Dispatcher`].
pub struct DispatcherBuilder {
    limits: Arc<dyn Limits>,
    access: Arc<dyn Access>,
    audit: Arc<dyn AuditSink>,
    max_queues: usize,
}

impl DispatcherBuilder {
    /// How much each principal may use; [`FixedLimits::default`] if not set.
    #[must_use]
    pub fn limits(mut self, limits: Arc<dyn Limits>) -> Self {
        self.limits = limits;
        self
    }

    /// Who may invoke what; [`OpenAccess`] if not set.
    #[must_use]
    pub fn access(mut self, access: Arc<dyn Access>) -> Self {
        self.access = access;
        self
    }

    /// Who records refusals; nobody if not set.
    #[must_use]
    pub fn audit(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.audit = sink;
        self
    }

    /// Queues of one capsule, [`MAX_QUEUES`] if not set, at least 2.
    #[must_use]
    pub fn max_queues(mut self, queues: usize) -> Self {
        self.max_queues = queues.max(2);
        self
    }

    /// The finished dispatcher. Handlers run on `runtime`.
    #[must_use]
    pub fn build(self, runtime: Handle) -> Dispatcher {
        let (sender, notices) = unbounded_channel();
        let core = Core {
            handle: runtime,
            limits: self.limits,
            access: self.access,
            audit: self.audit,
            max_queues: self.max_queues,
            members: parking_lot::RwLock::default(),
            in_flight: Arc::default(),
            waits: Arc::default(),
            busy: crate::busy::Busy::default(),
            backlog: crate::late::Backlog::default(),
            janitor: crate::janitor::Janitor::default(),
            natives: Arc::default(),
            turns: crate::turns::Turns::default(),
            counters: crate::stats::Counters::default(),
            outbox: Outbox::new(sender),
            lanes: AtomicU64::new(1),
        };
        Dispatcher { core: Arc::new(core), notices: Mutex::new(Some(notices)) }
    }
}

/// A reserved place, with the queue it is in.
struct Place {
    member: Arc<Member>,
    lane: Arc<Lane>,
    slot: Slot,
}

impl Dispatcher {
    /// Starts a dispatcher's settings.
    #[must_use]
    pub fn builder() -> DispatcherBuilder {
        DispatcherBuilder {
            limits: Arc::new(FixedLimits::default()),
            access: Arc::new(OpenAccess),
            audit: Arc::new(NoAudit),
            max_queues: MAX_QUEUES,
        }
    }

    /// Begins to publish receipts, lag notices and prompts on `bus`, which must be the one that has
    /// this dispatcher as its sink. A second time does nothing.
    pub fn attach(&self, bus: &Bus) {
        let Ok(replies) = AccessPattern::host(REPLIES) else { return };
        let Some(notices) = self.notices.lock().take() else { return };
        let replies = bus.observe(replies);
        self.core.outbox.open();
        let core = Arc::downgrade(&self.core);
        self.core.spawn(outbox::publish(core, bus.downgrade(), notices, replies));
    }

    /// Makes a capsule's handlers reachable; its bindings go on the bus separately. `capsule` is the
    /// session id of its generation.
    pub fn add(&self, capsule: Uuid, target: Arc<dyn Target>) {
        let member = Member::new(capsule, target);
        self.core.members.write().insert(capsule, member);
    }

    /// Forgets a capsule and discards what is queued for it; publishers that asked are told. What
    /// runs goes on.
    pub fn remove(&self, capsule: Uuid) {
        let member = self.core.members.write().remove(&capsule);
        let lanes = member.map(|member| member.close()).unwrap_or_default();
        for job in lanes.iter().flat_map(|lane| lane.close()) {
            job.discard(Reason::Unloaded);
        }
    }

    /// Discards what is queued for a principal that was disabled. What runs is its capsules' to stop.
    pub fn drop_queues_of(&self, principal: &Principal) {
        let members: Vec<_> = self.core.members.read().values().cloned().collect();
        let lanes: Vec<_> = members.iter().filter_map(|member| member.take(principal)).collect();
        let reason = format!("principal '{principal}' is disabled");
        for job in lanes.iter().flat_map(|lane| lane.close()) {
            job.discard(Reason::Denied(reason.clone()));
        }
    }

    /// A service of the host itself answers requests on `pattern`, by the subtree rule: their
    /// publishers are not told that there is no handler.
    pub fn register_native(&self, pattern: AccessPattern) -> NativeGuard {
        self.core.natives.register(pattern)
    }

    /// Notes that `owner` is the request owner of a message that an uplink of the capsule with this session
    /// id brought in: a missing grant of that turn may be given by that capsule, where an operator lets it
    /// act for the principal, or on any proven connection of the principal (approval chapter §2.5).
    pub fn uplink_turn(&self, owner: Uuid, capsule: Uuid) {
        self.core.turns.begin(owner, capsule);
    }

    /// The session id of the capsule whose uplink brought in what `owner` is the request owner of.
    #[must_use]
    pub fn turn_of(&self, owner: Uuid) -> Option<Uuid> {
        self.core.turns.capsule(owner)
    }

    /// Announces `astrid.v1.watchdog.tick` on `bus` for each of `views` until the bus is gone.
    pub fn watch(&self, bus: &Bus, views: Arc<dyn Views>) {
        self.core.spawn(watchdog::tick(bus.downgrade(), views));
    }

    /// The synchronous hook fan-out among the capsules bound on `bus`.
    #[must_use]
    pub fn hooks(&self, bus: &Bus) -> HookService {
        HookService::new(self.core.clone(), bus.downgrade())
    }

    /// Waits until no event is queued or being handled.
    pub async fn idle(&self) {
        self.core.busy.idle().await;
    }

    /// What it holds and did.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        self.core.counters.fill(&mut stats);
        let members: Vec<_> = self.core.members.read().values().cloned().collect();
        stats.capsules = members.len();
        for member in members {
            let (queues, queued) = member.size();
            stats.queues += queues;
            stats.queued += queued;
        }
        (stats.late, stats.late_bytes) = self.core.backlog.size();
        stats.principals = self.core.in_flight.len();
        stats
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn lane(&self, draft: &Draft, binding: &Binding) -> Result<(Arc<Member>, Arc<Lane>), NoSlot> {
        let member = self.core.member(binding.capsule_uuid).ok_or(NoSlot::Gone)?;
        if !member.target.serves(draft.authority()) {
            return Err(NoSlot::Gone);
        }
        if !admits(&*self.core.access, draft.topic(), draft.authority(), &binding.capsule) {
            return Err(NoSlot::Refused);
        }
        let lane = member.lane(&self.core, draft.authority()).ok_or(NoSlot::Gone)?;
        Ok((member, lane))
    }

    /// A handler that the message did not reach; the link, if it may still.
    fn unreached(&self, message: &Message, binding: Arc<Binding>, why: NoSlot, fate: &Fate) -> Option<Link> {
        match why {
            NoSlot::Full => {
                let member = self.core.member(binding.capsule_uuid)?;
                let lane = member.lane(&self.core, message.authority())?;
                return Some(Link { binding, member, lane, slot: None });
            }
            NoSlot::Refused => {
                fate.fail(Reason::AccessDenied);
                if surface(message.topic()) == Some(Surface::Invocation) {
                    self.core.tell(Notice::Ungranted(message.clone(), binding.capsule.clone()));
                }
            }
            NoSlot::Capped => {
                self.core.dropped(message, &binding, &Reason::QueueFull);
                fate.fail(Reason::QueueFull);
            }
            NoSlot::Gone | NoSlot::Cycle => {}
        }
        None
    }
}

impl InterceptorSink for Dispatcher {
    fn try_reserve(&self, draft: &Draft, binding: &Arc<Binding>) -> Result<BusSlot, NoSlot> {
        let (member, lane) = self.lane(draft, binding)?;
        let slot = lane.try_reserve().ok_or(NoSlot::Full)?;
        Ok(BusSlot::new(Place { member, lane, slot }))
    }

    fn reserve<'a>(&'a self, draft: &'a Draft, binding: &'a Arc<Binding>) -> Reserving<'a> {
        Box::pin(async move {
            let (member, lane) = self.lane(draft, binding)?;
            let publisher = self.core.member(draft.source_id());
            let source = publisher.and_then(|publisher| publisher.working_lane(draft.authority()));
            // A publisher that is no handler stands in nobody's way.
            let _waiting = match source {
                Some(source) => Some(self.core.waits.begin(source, lane.id).ok_or(NoSlot::Cycle)?),
                None => None,
            };
            let slot = lane.reserve().await.ok_or(NoSlot::Gone)?;
            Ok(BusSlot::new(Place { member, lane, slot }))
        })
    }

    fn hand_over(&self, message: &Message, what: HandOver) {
        let HandOver { work, unreached, delivered } = what;
        let fate = Fate::of(&self.core, message);
        let nobody = work.is_empty() && unreached.is_empty();
        if nobody && (delivered > 0 || self.core.natives.answer(message.topic())) {
            return fate.succeed();
        }
        if nobody {
            return fate.fail(Reason::NoHandler);
        }
        let late = !unreached.is_empty();
        let mut links: Vec<Link> = work.into_iter().filter_map(link).collect();
        for (binding, why) in unreached {
            links.extend(self.unreached(message, binding, why, &fate));
        }
        if late {
            links.sort_by(|a, b| a.binding.order().cmp(&b.binding.order()));
        }
        chain::submit(&self.core, message, links, &fate);
    }
}

fn link(assignment: Assignment) -> Option<Link> {
    let Assignment { binding, slot } = assignment;
    let Place { member, lane, slot } = slot.into_inner()?;
    Some(Link { binding, member, lane, slot: Some(slot) })
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl fmt::Debug for DispatcherBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DispatcherBuilder").field("max_queues", &self.max_queues).finish_non_exhaustive()
    }
}
