//! `poll`, `recv` and what they install.

use std::time::Duration;

use astrid_event_bus::{Condition, Envelope};
use astrid_host_context::{CallKind, Entry, Refusal};
use wasmtime::component::Resource;

use crate::ctx::{IpcCtxView, RecvIdle};
use crate::limits::MAX_RECV;
use crate::op_table::{POLL, RECV};
use crate::resolver::next_call;
use crate::{Error, Subscription};

impl IpcCtxView<'_> {
    /// Takes what is queued, possibly nothing. In a run loop the first message's principal is served
    /// from then on.
    ///
    /// # Errors
    /// [`Error::Closed`] and the envelope's refusals. In a run loop only the runtime's own end counts,
    /// not that of the principal it happens to serve.
    pub fn poll(&mut self, subscription: &Resource<Subscription>) -> Result<Envelope, Error> {
        let entry = self.host.enter(&POLL);
        entry.run_always(|| {
            self.may_receive()?;
            self.take(subscription, RecvIdle::Empty)
        })
    }

    /// Like [`IpcCtxView::poll`], but waits for a message, for at most `timeout_ms` and never more
    /// than [`MAX_RECV`].
    ///
    /// # Errors
    /// As [`IpcCtxView::poll`]; [`Error::Idle`] where the host is configured to call that an error.
    pub async fn recv(
        &mut self,
        subscription: &Resource<Subscription>,
        timeout_ms: u64,
    ) -> Result<Envelope, Error> {
        let entry = self.host.enter(&RECV);
        let timeout = Duration::from_millis(timeout_ms).min(MAX_RECV);
        entry
            .run_always_async(async {
                self.may_receive()?;
                self.host.call.progress().mark_yielded();
                let idle = self.host.table.get(subscription)?.inner.condition() == Condition::Empty;
                if idle && !timeout.is_zero() {
                    self.wait(&entry, subscription, timeout).await?;
                    // A chain of publications ends where somebody really waited.
                    self.host.call.progress().mark_waited_outside();
                }
                self.take(subscription, self.ctx.recv_idle)
            })
            .await
    }

    /// A run loop goes on whatever becomes of the principal it serves; a handler ends with its own.
    fn may_receive(&self) -> Result<(), Refusal> {
        match self.host.call.kind() {
            CallKind::RunLoop => self.ctx.own.admit(),
            CallKind::Interceptor => self.host.call.admit(),
        }
    }

    async fn wait(
        &mut self,
        entry: &Entry,
        subscription: &Resource<Subscription>,
        timeout: Duration,
    ) -> Result<(), Error> {
        let subscription = self.host.table.get(subscription)?;
        let arrival = tokio::time::timeout(timeout, subscription.inner.wait());
        match entry.call().kind() {
            CallKind::Interceptor => {
                // Running out of time is told by the queue, which is read next.
                let _ = entry.race(arrival).await?;
            }
            CallKind::RunLoop => {
                let own = &self.ctx.own;
                tokio::select! {
                    biased;
                    () = own.cancellation().fired() => own.admit()?,
                    _ = arrival => {}
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, subscription: &Resource<Subscription>, idle: RecvIdle) -> Result<Envelope, Error> {
        let subscription = &self.host.table.get(subscription)?.inner;
        if idle == RecvIdle::Timeout && subscription.condition() == Condition::Empty {
            // Not drained: the counters wait for an envelope that can carry them.
            return Err(Error::Idle);
        }
        let envelope = subscription.drain()?;
        tracing::trace!(
            target: "astrid.audit.ipc",
            pattern = subscription.pattern().as_str(),
            messages = envelope.messages.len(),
            dropped = envelope.dropped,
            "received",
        );
        if let Some(deliveries) = &self.ctx.deliveries {
            envelope.messages.iter().for_each(|message| deliveries.delivered(message));
        }
        if let Some(first) = envelope.messages.first()
            && self.host.call.kind() == CallKind::RunLoop
        {
            let ctx = &*self.ctx;
            self.host.call.adopt(next_call(&*ctx.resolver, &ctx.own, ctx.residency, first));
        }
        Ok(envelope)
    }
}
