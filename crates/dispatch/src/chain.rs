//! What the handlers of one event do to one another.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use astrid_event_bus::{Binding, Message};
use astrid_host_context::{Audit, AuditEvent, Op, Outcome};
use bytes::Bytes;

use crate::busy::Working;
use crate::core::Core;
use crate::fate::{Fate, Reason, sanitised};
use crate::lane::{Lane, Slot};
use crate::member::Member;
use crate::target::{Answer, Call};
use crate::task::Task;

/// A handler's refusal of an event.
static DENY: Op = Op::new("dispatch", "deny", Audit::Record);

/// One handler of an event, with its place in its queue.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) binding: Arc<Binding>,
    pub(crate) member: Arc<Member>,
    pub(crate) lane: Arc<Lane>,
    /// `None` for an event of the host that found the queue full: it waits for room.
    pub(crate) slot: Option<Slot>,
}

/// An event on its way through its handlers.
#[derive(Debug)]
pub(crate) struct Event {
    message: Message,
    /// What the handlers so far made of it.
    payload: Bytes,
    /// A handler was asked and did not stop the chain.
    answered: bool,
    fate: Fate,
    /// Counts the event as under way until its last handler ended.
    _working: Arc<Working>,
}

/// An event at one of its handlers, with those that come after it.
#[derive(Debug)]
pub(crate) struct Job {
    event: Event,
    binding: Arc<Binding>,
    member: Arc<Member>,
    rest: VecDeque<Link>,
}

/// Submits the handlers of one event, which come ordered by priority, capsule and action.
///
/// Handlers of one priority are independent: each gets the event as published and none can suppress
/// another. Where priorities differ they are a chain: one after the other, each seeing what the one
/// before left.
pub(crate) fn submit(core: &Arc<Core>, message: &Message, links: Vec<Link>, fate: &Fate) {
    let working = core.busy.begin();
    let event = || Event {
        message: message.clone(),
        payload: message.payload().bytes().clone(),
        answered: false,
        fate: fate.clone(),
        _working: working.clone(),
    };
    let chained = links.windows(2).any(|pair| match pair {
        [a, b] => a.binding.priority != b.binding.priority,
        _ => false,
    });
    if chained {
        step(core, event(), links.into());
    } else {
        links.into_iter().for_each(|link| step(core, event(), VecDeque::from([link])));
    }
}

/// Queues the event at the first of `links`; when its job ends it queues the event at the next, so
/// that chains of one principal through the same capsules keep the order of their events.
fn step(core: &Arc<Core>, event: Event, mut links: VecDeque<Link>) {
    let Some(Link { binding, member, lane, slot }) = links.pop_front() else {
        if event.answered {
            event.fate.succeed();
        }
        return;
    };
    let job = Job { event, binding, member, rest: links };
    match slot {
        Some(slot) => lane.push(core, slot, Task::Event(job)),
        None => core.backlog.push(core, &lane, job),
    }
}

impl Job {
    /// Accounted bytes of the event.
    pub(crate) fn size(&self) -> usize {
        self.event.message.size()
    }

    /// The event will not be handled here, which nobody is to be warned of.
    pub(crate) fn discard(self, reason: Reason) {
        self.event.fate.fail(reason);
    }

    /// The event will not be handled here, which operators should know.
    pub(crate) fn refuse(self, core: &Core, reason: Reason) {
        core.dropped(&self.event.message, &self.binding, &reason);
        self.event.fate.fail(reason);
    }

    /// Asks the handler and goes on with what it said.
    pub(crate) async fn run(self, core: &Arc<Core>) {
        let Self { mut event, binding, member, rest } = self;
        let call = Call {
            action: binding.action.clone(),
            payload: event.payload.clone(),
            caller: event.message.caller_for(member.uuid),
            authority: event.message.authority().cloned(),
        };
        let goes_on = match core.perform(&member, call).await {
            Answer::Continue(replacement) => {
                if !replacement.is_empty() {
                    event.payload = replacement;
                }
                event.answered = true;
                true
            }
            Answer::Final(_) => {
                event.fate.succeed();
                false
            }
            Answer::Deny(reason) => {
                let reason = sanitised(&reason);
                denied(core, &event.message, &binding, &reason);
                event.fate.fail(Reason::Denied(reason));
                false
            }
            // The capsule is not there to ask: the chain goes on without it. A guest that was asked
            // and failed has already become a deny.
            Answer::Skipped(why) => {
                warn(&event.message, &binding, "skipped", &sanitised(&why));
                event.fate.fail(Reason::Failed);
                true
            }
        };
        if goes_on {
            step(core, event, rest);
        }
    }
}

fn denied(core: &Core, message: &Message, binding: &Binding, reason: &str) {
    core.counters.deny();
    warn(message, binding, "denied", reason);
    core.audit.record(AuditEvent {
        op: &DENY,
        capsule: binding.capsule.clone(),
        capsule_uuid: binding.capsule_uuid,
        principal: message.authority().cloned(),
        invocation: 0,
        target: Some(message.topic().as_str().to_owned()),
        outcome: Outcome::Denied("denied"),
        detail: Some(reason.to_owned()),
        facts: vec![("action", binding.action.to_string()), ("seq", message.seq().to_string())],
        bytes: 0,
        at: SystemTime::now(),
        elapsed: Duration::ZERO,
    });
}

pub(crate) fn warn(message: &Message, binding: &Binding, outcome: &str, reason: &str) {
    tracing::warn!(
        target: "astrid.dispatch",
        topic = message.topic().as_str(),
        seq = message.seq(),
        capsule = %binding.capsule,
        action = &*binding.action,
        outcome,
        reason,
        "an event did not go on"
    );
}
