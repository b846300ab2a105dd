//! What all parts of one dispatcher share.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use astrid_event_bus::{Binding, Message};
use astrid_host_context::{AuditSink, Principal, Uuid};
use parking_lot::RwLock;
use tokio::runtime::Handle;

use crate::access::Access;
use crate::busy::Busy;
use crate::chain::warn;
use crate::fate::Reason;
use crate::janitor::Janitor;
use crate::late::Backlog;
use crate::lend::lending;
use crate::limits::Limits;
use crate::member::Member;
use crate::native::Natives;
use crate::outbox::{Notice, Outbox};
use crate::permits::{Desk, InFlight};
use crate::stats::Counters;
use crate::target::{Answer, Call};
use crate::turns::Turns;
use crate::waits::Waits;

pub(crate) struct Core {
    pub(crate) handle: Handle,
    pub(crate) limits: Arc<dyn Limits>,
    pub(crate) access: Arc<dyn Access>,
    pub(crate) audit: Arc<dyn AuditSink>,
    pub(crate) max_queues: usize,
    pub(crate) members: RwLock<HashMap<Uuid, Arc<Member>>>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) waits: Arc<Waits>,
    pub(crate) busy: Busy,
    pub(crate) backlog: Backlog,
    pub(crate) janitor: Janitor,
    pub(crate) natives: Arc<Natives>,
    pub(crate) turns: Turns,
    pub(crate) counters: Counters,
    pub(crate) outbox: Outbox,
    pub(crate) lanes: AtomicU64,
}

impl Core {
    pub(crate) fn member(&self, capsule: Uuid) -> Option<Arc<Member>> {
        self.members.read().get(&capsule).cloned()
    }

    pub(crate) fn next_lane(&self) -> u64 {
        self.lanes.fetch_add(1, Ordering::Relaxed)
    }

    /// From any thread: publishers need not be tasks.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(work);
    }

    pub(crate) fn tell(&self, notice: Notice) {
        self.outbox.send(notice);
    }

    /// Runs a handler under its permits.
    pub(crate) async fn perform(&self, member: &Member, call: Call) -> Answer {
        self.counters.handle();
        let authority = call.authority.clone();
        self.permitted(member, authority.as_ref(), member.target.handle(call)).await
    }

    /// Runs what a capsule does for somebody under the permits of both.
    pub(crate) async fn permitted<T>(
        &self,
        member: &Member,
        authority: Option<&Principal>,
        work: impl Future<Output = T>,
    ) -> T {
        let who = authority.or(member.target.owner()).cloned();
        let most = who.as_ref().map_or(1, |who| self.limits.max_in_flight(who));
        let desk = Desk { capsule: member.permits.clone(), in_flight: self.in_flight.clone(), who, most };
        lending(work, &desk).await
    }

    /// An event did not reach a handler.
    pub(crate) fn dropped(&self, message: &Message, binding: &Binding, reason: &Reason) {
        self.counters.drop_one();
        warn(message, binding, "dropped", &reason.to_string());
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").finish_non_exhaustive()
    }
}
