//! `subscribe`, readiness, bindings and the end of a subscription.

use std::task::{Context, Poll};

use astrid_event_bus::{Admission, Audience, Closed, Condition, HOST_ONLY_REPLIES, Pattern, Watch};
use astrid_host_context::{CallKind, Permit, Standing, Target};
use astrid_host_io::{IoTable, Pollable, Readiness, ReadyState};
use wasmtime::component::Resource;

use crate::ctx::{IpcCtxView, Residency};
use crate::limits::SUBSCRIPTIONS;
use crate::op_table::{BINDINGS, MAY_SUBSCRIBE, READINESS, SUBSCRIBE};
use crate::{Error, Handler};

/// A guest's subscription. Dropping it removes the route, discards the queue and frees the slot.
#[derive(Debug)]
pub struct Subscription {
    pub(crate) inner: astrid_event_bus::Subscription,
    _share: Permit,
}

impl IpcCtxView<'_> {
    /// Subscribes to a topic, or to everything below one. Live when it returns.
    ///
    /// # Errors
    /// Malformed pattern, undeclared pattern or the host's own replies, [`SUBSCRIPTIONS`] used up,
    /// capsule unloading, in this order.
    pub fn subscribe(&mut self, pattern: &str) -> Result<Resource<Subscription>, Error> {
        let entry = self.host.enter(&SUBSCRIBE);
        entry.run_now(|| {
            let pattern = Pattern::parse(pattern, self.ctx.charset)?;
            if HOST_ONLY_REPLIES.iter().any(|root| pattern.is_within(root)) {
                entry.target(Target::Topic(pattern.as_str()));
                return Err(Error::Reserved(pattern.as_str().to_owned()));
            }
            entry.allow(MAY_SUBSCRIBE, Target::Topic(pattern.as_str()))?;
            let share = entry.reserve(&SUBSCRIPTIONS, 1)?;
            if self.ctx.gate.is_retired() {
                return Err(Closed.into());
            }
            let inner = self.ctx.bus.subscribe(pattern, self.audience(), &self.ctx.gate);
            Ok(self.host.table.push(Subscription { inner, _share: share })?)
        })
    }

    /// Whose messages a subscription made now takes.
    fn audience(&self) -> Audience {
        let (ctx, call) = (&*self.ctx, &*self.host.call);
        let owner = ctx.own.principal().cloned();
        let admission = match (call.kind(), ctx.residency) {
            (CallKind::Interceptor, _) => Admission::Exactly {
                principal: call.principal().cloned(),
                claim: call.caller().and_then(|c| c.provenance.attribution.principal().cloned()),
            },
            (CallKind::RunLoop, Residency::Owned) => Admission::Owner(owner.clone()),
            (CallKind::RunLoop, Residency::SystemResident) => Admission::Everyone,
        };
        Audience {
            capsule: ctx.own.capsule().clone(),
            owner,
            admission,
            reads_all_audit: ctx.reads_all_audit,
        }
    }

    /// A pollable on the subscription: ready while messages are queued, and once it can only say that
    /// it is closed. It may outlive the subscription and is then gone.
    ///
    /// # Errors
    /// Traps only: an unknown handle, or the pollable budget used up.
    pub fn subscribe_readiness(
        &mut self,
        subscription: &Resource<Subscription>,
    ) -> Result<Resource<Pollable>, Error> {
        let entry = self.host.enter(&READINESS);
        entry.run_always(|| {
            let watch = self.host.table.get(subscription)?.inner.watch();
            self.host.push_pollable(Ready(watch)).map_err(Error::Pollables)
        })
    }

    /// The capsule's own handlers with their numbers, in order.
    ///
    /// # Errors
    /// [`Error::Closed`] while unloading.
    pub fn interceptor_bindings(&mut self) -> Result<Vec<(u64, Handler)>, Error> {
        let entry = self.host.enter(&BINDINGS);
        entry.run_always(|| {
            let unloading = |s| s == Standing::Cancelled;
            if unloading(self.ctx.own.standing()) || unloading(self.host.call.standing()) {
                return Err(Closed.into());
            }
            Ok((0..).zip(self.ctx.handlers.iter().cloned()).collect())
        })
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// Traps only: an unknown handle.
    pub fn unsubscribe(&mut self, subscription: Resource<Subscription>) -> Result<(), Error> {
        self.host.table.delete(subscription)?;
        Ok(())
    }
}

struct Ready(Watch);

impl Readiness for Ready {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<ReadyState> {
        self.0.poll_ready(cx).map(|condition| match condition {
            Condition::Dropped => ReadyState::Gone,
            Condition::Empty | Condition::Messages | Condition::Retired => ReadyState::Ready,
        })
    }
}
