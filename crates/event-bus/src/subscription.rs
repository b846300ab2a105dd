//! A guest's end of a route.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::futures::OwnedNotified;

use crate::Pattern;
use crate::bus::Shared;
use crate::mailbox::Condition;
use crate::queue::Envelope;
use crate::route::Route;

/// The capsule's generation ended; the subscription can only say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the subscription is closed because its capsule is going away")]
pub struct Closed;

/// A live subscription. Dropping it removes its route and discards what is queued.
pub struct Subscription {
    route: Arc<Route>,
    shared: Arc<Shared>,
}

impl Subscription {
    pub(crate) fn new(route: Arc<Route>, shared: Arc<Shared>) -> Self {
        Self { route, shared }
    }

    /// What was asked for.
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        &self.route.pattern
    }

    /// Takes the next envelope, which may be empty. Never waits.
    ///
    /// # Errors
    /// [`Closed`] once the gate is retired.
    pub fn drain(&self) -> Result<Envelope, Closed> {
        match self.route.mailbox.condition() {
            Condition::Retired | Condition::Dropped => Err(Closed),
            Condition::Empty | Condition::Messages => Ok(self.route.mailbox.drain()),
        }
    }

    /// What a drain would find now.
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.route.mailbox.condition()
    }

    /// Waits until a drain has something to say: messages, or that it is closed. Consumes nothing.
    pub async fn wait(&self) -> Condition {
        let mailbox = &self.route.mailbox;
        loop {
            let mut notified = std::pin::pin!(mailbox.notify().notified());
            // Registered before the state is read, so that no change in between is missed.
            notified.as_mut().enable();
            let condition = mailbox.condition();
            if condition != Condition::Empty {
                return condition;
            }
            notified.await;
        }
    }

    /// A handle that watches readiness and outlives the subscription.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch { route: self.route.clone(), waiting: None }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.unsubscribe(&self.route);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("pattern", &self.route.pattern).finish_non_exhaustive()
    }
}

/// Watches a subscription's readiness without consuming anything or holding it alive. Several may exist.
pub struct Watch {
    route: Arc<Route>,
    waiting: Option<Pin<Box<OwnedNotified>>>,
}

impl Watch {
    /// What a drain of the subscription would find now.
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.route.mailbox.condition()
    }

    /// Ready while the condition is anything but [`Condition::Empty`]; else the task is woken at the
    /// next change.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Condition> {
        loop {
            let waiting = self.waiting.get_or_insert_with(|| {
                let mut notified = Box::pin(self.route.mailbox.notify().clone().notified_owned());
                notified.as_mut().enable();
                notified
            });
            let condition = self.route.mailbox.condition();
            if condition != Condition::Empty {
                self.waiting = None;
                return Poll::Ready(condition);
            }
            match waiting.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.waiting = None,
            }
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("condition", &self.condition()).finish_non_exhaustive()
    }
}
