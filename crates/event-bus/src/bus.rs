//! The bus: who is on it, and how one gets on and off.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use astrid_host_context::Principal;
use parking_lot::{Mutex, MutexGuard};

use crate::admission::Audience;
use crate::bindings::{Bindings, Bound};
use crate::gate::Gate;
use crate::index::Index;
use crate::interceptor::{Binding, InterceptorSink};
use crate::mailbox::Mailbox;
use crate::observe::{OBSERVER_CAPACITY, Observer, Observers};
use crate::queue::QueueLimits;
use crate::rate::RateBuckets;
use crate::route::Route;
use crate::stats::{Counters, Stats};
use crate::subscription::Subscription;
use crate::{AccessPattern, Draft, Lane, Pattern, Topic};

/// Targets one publication may reach, handlers and subscriptions together, so that one publish has
/// a bounded cost.
pub const MAX_FAN_OUT: usize = 256;

/// Principals that share a stripe wait for each other while queues are filled, which is microseconds.
const STRIPES: usize = 64;

/// A message bus of one process. A clone is the same bus.
#[derive(Clone)]
pub struct Bus {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) index: Index,
    pub(crate) bindings: Bindings,
    pub(crate) observers: Arc<Observers>,
    pub(crate) sink: Option<Arc<dyn InterceptorSink>>,
    pub(crate) counters: Counters,
    rates: RateBuckets,
    limits: QueueLimits,
    stripes: Vec<Mutex<()>>,
    hasher: std::hash::RandomState,
    sequence: AtomicU64,
    numbers: AtomicU64,
}

/// A [`Bus`] that may be gone.
#[derive(Clone)]
pub struct WeakBus(Weak<Shared>);

impl WeakBus {
    /// The bus, if anybody still holds it.
    #[must_use]
    pub fn upgrade(&self) -> Option<Bus> {
        self.0.upgrade().map(|shared| Bus { shared })
    }
}

impl fmt::Debug for WeakBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakBus").finish_non_exhaustive()
    }
}

/// Builds a [`Bus`].
#[derive(Default)]
pub struct BusBuilder {
    limits: QueueLimits,
    sink: Option<Arc<dyn InterceptorSink>>,
    rates: RateBuckets,
}

impl BusBuilder {
    /// Bounds of each subscription's queue.
    #[must_use]
    pub fn queue_limits(mut self, limits: QueueLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Who runs handlers. Without one, bindings are never reached.
    #[must_use]
    pub fn interceptors(mut self, sink: Arc<dyn InterceptorSink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Room for this many rate buckets, 100 000 if not set.
    #[must_use]
    pub fn rate_buckets(mut self, buckets: usize) -> Self {
        self.rates = RateBuckets::with_capacity(buckets);
        self
    }

    /// The finished bus.
    #[must_use]
    pub fn build(self) -> Bus {
        let Self { limits, sink, rates } = self;
        let stripes = std::iter::repeat_with(Mutex::default).take(STRIPES).collect();
        Bus {
            shared: Arc::new(Shared {
                index: Index::new(),
                bindings: Bindings::default(),
                observers: Arc::default(),
                sink,
                counters: Counters::default(),
                rates,
                limits,
                stripes,
                hasher: std::hash::RandomState::new(),
                sequence: AtomicU64::new(0),
                numbers: AtomicU64::new(0),
            }),
        }
    }
}

impl Bus {
    /// A bus with default limits and no dispatcher.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts a bus with other limits or a dispatcher.
    #[must_use]
    pub fn builder() -> BusBuilder {
        BusBuilder::default()
    }

    /// Subscribes. The subscription is live on return: any publication that begins later is seen, none
    /// that ended before is.
    #[must_use]
    pub fn subscribe(&self, pattern: Pattern, audience: Audience, gate: &Gate) -> Subscription {
        let route = Arc::new(Route {
            number: self.shared.next_number(),
            pattern,
            audience,
            gate: gate.clone(),
            mailbox: Mailbox::new(self.shared.limits),
        });
        gate.enrol(&route);
        self.shared.index.insert(&route);
        Subscription::new(route, self.shared.clone())
    }

    /// Binds a handler. Dropping the guard unbinds it.
    pub fn bind(&self, binding: Binding) -> BindingGuard {
        let bound = Bound { number: self.shared.next_number(), binding: Arc::new(binding) };
        self.shared.bindings.insert(bound.clone());
        BindingGuard { bound, shared: self.shared.clone() }
    }

    /// Watches a pattern from inside the kernel, with [`OBSERVER_CAPACITY`]. Subtree rule; `*` alone
    /// sees everything.
    #[must_use]
    pub fn observe(&self, pattern: AccessPattern) -> Observer {
        self.observe_with_capacity(pattern, OBSERVER_CAPACITY)
    }

    /// [`Bus::observe`] with another bound.
    #[must_use]
    pub fn observe_with_capacity(&self, pattern: AccessPattern, capacity: usize) -> Observer {
        self.shared.observers.add(pattern, self.shared.next_number(), capacity)
    }

    /// The handlers bound to `topic` by generations that are open, ordered by priority, capsule and
    /// action, for whoever calls them without a message.
    #[must_use]
    pub fn handlers_of(&self, topic: &Topic) -> Vec<Arc<Binding>> {
        self.shared.bindings.bound_to(topic)
    }

    /// Whether a subscription would take this publication now. Nothing is published.
    #[must_use]
    pub fn has_subscriber(&self, draft: &Draft) -> bool {
        !self.shared.index.find(draft.topic().as_str(), |route| route.admits(draft)).is_empty()
    }

    /// A reference that keeps nothing alive, for the dispatcher, which the bus itself holds.
    #[must_use]
    pub fn downgrade(&self) -> WeakBus {
        WeakBus(Arc::downgrade(&self.shared))
    }

    /// Opens `new` and closes `old` between two publications: each one reaches exactly one of them.
    pub fn exchange(&self, old: &Gate, new: &Gate) {
        let _all: Vec<_> = self.shared.stripes.iter().map(Mutex::lock).collect();
        old.close();
        new.open();
        self.shared.bindings.advance();
    }

    /// The publishers' rate buckets.
    #[must_use]
    pub fn rates(&self) -> &RateBuckets {
        &self.shared.rates
    }

    /// What the bus did so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.counters.read()
    }

    /// Gives up what is queued in subscriptions on behalf of a principal that may not be served any more;
    /// their next envelopes count it as dropped. Says how many messages that was.
    pub fn discard_queued_of(&self, who: &Principal) -> usize {
        let lane = Lane::Of(who.clone());
        self.shared.index.all().iter().map(|route| route.mailbox.discard(&lane)).sum()
    }

    /// True while nobody is subscribed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.shared.index.is_empty()
    }
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Shared {
    /// The stretch of a publish in which nothing of the same principal comes between.
    pub(crate) fn order(&self, lane: &Lane) -> Option<MutexGuard<'_, ()>> {
        use std::hash::BuildHasher;
        let stripe = self.hasher.hash_one(lane) % u64::try_from(STRIPES).unwrap_or(1);
        self.stripes.get(usize::try_from(stripe).unwrap_or(0)).map(Mutex::lock)
    }

    pub(crate) fn next_seq(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn unsubscribe(&self, route: &Route) {
        self.index.remove(route);
        route.gate.leave(route.number);
        route.mailbox.close();
    }
}

/// Holds a binding on the bus.
#[must_use = "dropping the guard unbinds the handler"]
pub struct BindingGuard {
    bound: Bound,
    shared: Arc<Shared>,
}

impl Drop for BindingGuard {
    fn drop(&mut self) {
        self.shared.bindings.remove(&self.bound);
    }
}

impl fmt::Debug for BindingGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BindingGuard").field(&self.bound.binding).finish()
    }
}
