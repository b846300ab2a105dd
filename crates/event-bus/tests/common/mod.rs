//! Short spellings, and a dispatcher that runs nothing.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use astrid_event_bus::*;
use astrid_host_context::{Attribution, CapsuleId, Principal, Provenance, Uuid};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) fn principal(name: &str) -> Principal {
    Principal::parse(name).unwrap()
}

pub(crate) fn topic(text: &str) -> Topic {
    Topic::host(text).unwrap()
}

pub(crate) fn verified(name: &str) -> Provenance {
    Provenance::of(Attribution::Verified(principal(name)))
}

pub(crate) fn draft_of(provenance: Provenance, to: &str, json: &str) -> Draft {
    Draft::new(topic(to), Payload::parse(json.to_owned()).unwrap(), provenance)
}

pub(crate) fn draft(name: &str, to: &str) -> Draft {
    draft_of(verified(name), to, "0")
}

pub(crate) async fn publish(bus: &Bus, draft: Draft) -> Result<Report, Refused<Infallible>> {
    bus.publish(draft, Duration::from_secs(1), || Ok(())).await
}

pub(crate) fn audience(admission: Admission) -> Audience {
    Audience {
        capsule: CapsuleId::parse("c").unwrap(),
        owner: Some(principal("alice")),
        admission,
        reads_all_audit: false,
    }
}

pub(crate) fn of(name: &str) -> Admission {
    Admission::Owner(Some(principal(name)))
}

pub(crate) fn subscribe(bus: &Bus, pattern: &str, admission: Admission) -> Subscription {
    let pattern = Pattern::parse(pattern, Charset::Token).unwrap();
    bus.subscribe(pattern, audience(admission), &Gate::opened())
}

pub(crate) fn seqs(envelope: &Envelope) -> Vec<u64> {
    envelope.messages.iter().map(Message::seq).collect()
}

/// Drains until an empty envelope and returns the messages with the sums of the counters.
pub(crate) fn drain_all(subscription: &Subscription) -> (Vec<Message>, u64, u64) {
    let (mut all, mut dropped) = (Vec::new(), 0);
    loop {
        let envelope = subscription.drain().unwrap();
        dropped += envelope.dropped;
        if envelope.messages.is_empty() {
            return (all, dropped, envelope.lagged);
        }
        all.extend(envelope.messages);
    }
}

/// Queues of fixed size, one a capsule; nothing leaves them but by [`FakeSink::finish_one`].
pub(crate) struct FakeSink {
    capacity: usize,
    queues: Mutex<HashMap<Uuid, Arc<Semaphore>>>,
    running: Mutex<Vec<(Uuid, OwnedSemaphorePermit)>>,
    waiting: Mutex<HashMap<Uuid, Uuid>>,
    pub(crate) handed: Mutex<Vec<(Message, Vec<String>)>>,
    pub(crate) missed: Mutex<Vec<(String, NoSlot)>>,
    pub(crate) retired: Mutex<Vec<Uuid>>,
}

impl FakeSink {
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            queues: Mutex::default(),
            running: Mutex::default(),
            waiting: Mutex::default(),
            handed: Mutex::default(),
            missed: Mutex::default(),
            retired: Mutex::default(),
        })
    }

    fn queue(&self, capsule: Uuid) -> Arc<Semaphore> {
        let fresh = || Arc::new(Semaphore::new(self.capacity));
        self.queues.lock().entry(capsule).or_insert_with(fresh).clone()
    }

    pub(crate) fn free_slots(&self, capsule: Uuid) -> usize {
        self.queue(capsule).available_permits()
    }

    /// The oldest handler run ends.
    pub(crate) fn finish_one(&self) {
        drop(self.running.lock().remove(0));
    }

    /// All runs of one capsule's handlers end.
    pub(crate) fn finish(&self, capsule: Uuid) {
        self.running.lock().retain(|(of, _)| *of != capsule);
    }

    fn circle(&self, from: Uuid, to: Uuid) -> bool {
        let waiting = self.waiting.lock();
        let mut at = to;
        for _ in 0..=waiting.len() {
            match waiting.get(&at) {
                Some(next) if *next == from => return true,
                Some(next) => at = *next,
                None => return false,
            }
        }
        false
    }
}

impl InterceptorSink for FakeSink {
    fn try_reserve(&self, _: &Draft, binding: &Arc<Binding>) -> Result<Slot, NoSlot> {
        if self.retired.lock().contains(&binding.capsule_uuid) {
            return Err(NoSlot::Gone);
        }
        self.queue(binding.capsule_uuid).try_acquire_owned().map(Slot::new).map_err(|_| NoSlot::Full)
    }

    fn reserve<'a>(&'a self, draft: &'a Draft, binding: &'a Arc<Binding>) -> Reserving<'a> {
        Box::pin(async move {
            let (from, to) = (draft.source_id(), binding.capsule_uuid);
            if self.circle(from, to) {
                return Err(NoSlot::Cycle);
            }
            self.waiting.lock().insert(from, to);
            let permit = self.queue(to).acquire_owned().await;
            self.waiting.lock().remove(&from);
            permit.map(Slot::new).map_err(|_| NoSlot::Gone)
        })
    }

    fn hand_over(&self, message: &Message, what: HandOver) {
        let HandOver { work, unreached, .. } = what;
        self.missed.lock().extend(unreached.iter().map(|(binding, why)| (binding.action.to_string(), *why)));
        if work.is_empty() {
            return;
        }
        let actions = work.iter().map(|a| a.binding.action.to_string()).collect();
        self.handed.lock().push((message.clone(), actions));
        self.running
            .lock()
            .extend(work.into_iter().map(|a| (a.binding.capsule_uuid, a.slot.into_inner().unwrap())));
    }
}

pub(crate) fn binding(capsule: u128, pattern: &str, action: &str, priority: u32) -> Binding {
    Binding {
        pattern: AccessPattern::parse(pattern, Charset::Token).unwrap(),
        capsule: CapsuleId::parse(&format!("c{capsule}")).unwrap(),
        capsule_uuid: Uuid::from_u128(capsule),
        action: action.into(),
        priority,
        gate: Gate::opened(),
    }
}
