//! Events of the host that wait for room in a full queue: bounded in time, number and bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::chain::Job;
use crate::core::Core;
use crate::fate::Reason;
use crate::lane::Lane;
use crate::limits::{HOST_WAIT, MAX_LATE, MAX_LATE_BYTES};
use crate::outbox::Notice;

/// All late events, oldest first. The queues hold the events themselves.
#[derive(Debug, Default)]
pub(crate) struct Backlog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<u64, Entry>,
    bytes: usize,
    numbers: u64,
    /// A task will look at the oldest when its time is up.
    watched: bool,
}

#[derive(Debug)]
struct Entry {
    lane: Arc<Lane>,
    until: Instant,
    bytes: usize,
}

impl Backlog {
    /// Queues the job in its lane, or lets it wait there.
    pub(crate) fn push(&self, core: &Arc<Core>, lane: &Arc<Lane>, job: Job) {
        let bytes = job.size();
        let mut dropped = Vec::new();
        {
            // Held over the push, so that the order here is the order in each lane.
            let mut state = self.0.lock();
            let number = state.numbers;
            state.numbers += 1;
            if !lane.push_late(core, number, job) {
                return;
            }
            let until = Instant::now() + HOST_WAIT;
            state.bytes += bytes;
            state.entries.insert(number, Entry { lane: lane.clone(), until, bytes });
            while state.entries.len() > MAX_LATE || state.bytes > MAX_LATE_BYTES {
                dropped.extend(state.pop());
            }
            if !std::mem::replace(&mut state.watched, true) {
                core.spawn(watch(Arc::downgrade(core), until));
            }
        }
        let lost = u64::try_from(dropped.len()).unwrap_or(u64::MAX);
        if lost > 0 {
            core.counters.lag(lost);
            core.tell(Notice::Lag(lost));
        }
        dropped.into_iter().for_each(|job| job.refuse(core, Reason::QueueFull));
    }

    /// An event got its place.
    pub(crate) fn forget(&self, number: u64) {
        let mut state = self.0.lock();
        if let Some(entry) = state.entries.remove(&number) {
            state.bytes = state.bytes.saturating_sub(entry.bytes);
        }
    }

    /// Events that wait, and their bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let state = self.0.lock();
        (state.entries.len(), state.bytes)
    }

    /// Drops what waited long enough; when to look again, if anything is left.
    fn expire(&self, core: &Core) -> Option<Instant> {
        let mut expired = Vec::new();
        let next = {
            let mut state = self.0.lock();
            let now = Instant::now();
            while state.entries.first_key_value().is_some_and(|(_, entry)| entry.until <= now) {
                expired.extend(state.pop());
            }
            let next = state.entries.first_key_value().map(|(_, entry)| entry.until);
            state.watched = next.is_some();
            next
        };
        expired.into_iter().for_each(|job| job.refuse(core, Reason::QueueFull));
        next
    }
}

impl State {
    fn pop(&mut self) -> Option<Job> {
        let (number, entry) = self.entries.pop_first()?;
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        entry.lane.take_late(number)
    }
}

async fn watch(core: std::sync::Weak<Core>, first: Instant) {
    let mut next = Some(first);
    while let Some(until) = next {
        tokio::time::sleep_until(until).await;
        let Some(core) = core.upgrade() else { return };
        next = core.backlog.expire(&core);
    }
}
