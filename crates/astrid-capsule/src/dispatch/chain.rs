//! What the handlers of one event do to one another.

use std::collections::VecDeque;
use std::sync::Arc;

use astrid_event_bus::{Binding, Message};
use bytes::Bytes;

use super::busy::{Busy, Working};
use super::lane::{Lane, Slot};
use crate::{Capsule, HandlerResult, Invoker};

/// One handler of an event, with its place in its queue.
pub(super) struct Link {
    pub(super) capsule: Arc<dyn Capsule>,
    pub(super) binding: Arc<Binding>,
    pub(super) lane: Arc<Lane>,
    pub(super) slot: Slot,
}

/// An event on its way through its handlers.
struct Event {
    message: Message,
    /// What the handlers so far made of it.
    payload: Bytes,
    /// Counts the event as under way until its last handler ended.
    _working: Arc<Working>,
}

/// Submits the handlers of one event, which come ordered by priority, capsule and action.
///
/// Handlers of one priority are independent: each gets the event as published and none can suppress
/// another. Where priorities differ they are a chain: one after the other, each seeing what the one
/// before left.
pub(super) fn submit(message: &Message, links: Vec<Link>, busy: &Busy) {
    let working = busy.begin();
    let event = || Event {
        message: message.clone(),
        payload: message.payload().bytes().clone(),
        _working: working.clone(),
    };
    let chained = links.windows(2).any(|pair| match pair {
        [a, b] => a.binding.priority != b.binding.priority,
        _ => false,
    });
    if chained {
        step(event(), links.into());
    } else {
        links.into_iter().for_each(|link| step(event(), VecDeque::from([link])));
    }
}

/// Queues the first of `links`; its job queues the next, so that chains of one principal through the
/// same capsules keep the order of their events.
fn step(mut event: Event, mut links: VecDeque<Link>) {
    let Some(Link { capsule, binding, lane, slot }) = links.pop_front() else { return };
    let job = Box::pin(async move {
        let Event { message, payload, .. } = &mut event;
        let invoker = Invoker {
            caller: message.caller_for(capsule.source_uuid()),
            authority: message.authority().cloned(),
        };
        let goes_on = match capsule.invoke_interceptor(&binding.action, payload.clone(), Some(invoker)).await
        {
            Ok(HandlerResult::Continue(replacement)) => {
                if !replacement.is_empty() {
                    *payload = replacement;
                }
                true
            }
            Ok(HandlerResult::Final(_)) => false,
            Ok(HandlerResult::Deny { reason }) => {
                report(message, &binding, "denied", &reason);
                false
            }
            // The capsule is not there to ask: the chain goes on without it. A guest that was
            // asked and failed has already become a deny.
            Err(error) => {
                report(message, &binding, error.code().as_str(), &error.to_string());
                true
            }
        };
        if goes_on {
            step(event, links);
        }
    });
    lane.push(slot, job);
}

fn report(message: &Message, binding: &Binding, outcome: &str, reason: &str) {
    tracing::warn!(
        target: "astrid.dispatch",
        topic = message.topic().as_str(),
        seq = message.seq(),
        capsule = %binding.capsule,
        action = &*binding.action,
        outcome,
        reason,
        "handler did not go on"
    );
}
