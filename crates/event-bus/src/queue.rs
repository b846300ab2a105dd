//! One subscription's messages: a first-in first-out lane a principal, drained by deficit round robin,
//! bounded by evicting the oldest.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::{Lane, Message};

/// Bounds of one subscription's queue and of the envelopes drained from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Accounted bytes over all lanes: 1 MiB + 256, so that a maximal payload on a maximal topic fits.
    pub bytes: usize,
    /// Messages in one lane: 16 384, so that tiny messages cannot make the bookkeeping the cost.
    pub lane_messages: usize,
    /// Messages in one envelope: 256.
    pub envelope_messages: usize,
    /// Accounted bytes in one envelope; a first message is taken whatever its size.
    pub envelope_bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { bytes: 1_048_832, lane_messages: 16_384, envelope_messages: 256, envelope_bytes: 1_048_832 }
    }
}

/// What one drain hands out.
#[derive(Debug, Clone, Default)]
pub struct Envelope {
    /// Messages of one identity, oldest first.
    pub messages: Vec<Message>,
    /// Messages lost to this subscription since the previous envelope, whatever the cause.
    pub dropped: u64,
    /// Messages lost to queue pressure since the subscription was made.
    pub lagged: u64,
}

/// Share of a turn when few lanes are busy, divided among them: the envelope's bytes.
const ROUND_BYTES: u64 = 1_048_576;
/// Least share of a turn, so that many busy lanes still move whole messages.
const MIN_QUANTUM: u64 = 4_096;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    limits: QueueLimits,
    lanes: HashMap<Lane, Fifo>,
    /// Turn number to lane; the first is next.
    rotation: BTreeMap<u64, Lane>,
    /// Arrival number of each lane's head to lane; the first is the oldest message of all.
    heads: BTreeMap<u64, Lane>,
    bytes: usize,
    len: usize,
    arrivals: u64,
    turns: u64,
    dropped: u64,
    lagged: u64,
}

#[derive(Debug)]
struct Fifo {
    items: VecDeque<(u64, Message)>,
    deficit: u64,
    turn: u64,
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Counts a message that was lost before it could be queued.
    pub(crate) fn count_dropped(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
    }

    /// Queues a message and returns how many others had to go for it.
    pub(crate) fn push(&mut self, message: Message) -> u64 {
        let size = message.size();
        if size > self.limits.bytes {
            self.count_dropped();
            return 0;
        }
        let before = self.lagged;
        while self.bytes + size > self.limits.bytes && self.evict_oldest() {}
        let lane = message.lane().clone();
        if self.lanes.get(&lane).is_some_and(|fifo| fifo.items.len() >= self.limits.lane_messages) {
            self.evict_head(&lane);
        }
        self.arrivals += 1;
        self.bytes += size;
        self.len += 1;
        match self.lanes.get_mut(&lane) {
            Some(fifo) => fifo.items.push_back((self.arrivals, message)),
            None => {
                self.turns += 1;
                self.heads.insert(self.arrivals, lane.clone());
                self.rotation.insert(self.turns, lane.clone());
                let items = VecDeque::from([(self.arrivals, message)]);
                self.lanes.insert(lane, Fifo { items, deficit: 0, turn: self.turns });
            }
        }
        self.lagged - before
    }

    fn evict_oldest(&mut self) -> bool {
        let Some(lane) = self.heads.first_key_value().map(|(_, lane)| lane.clone()) else { return false };
        self.evict_head(&lane)
    }

    fn evict_head(&mut self, lane: &Lane) -> bool {
        let evicted = self.pop(lane).is_some();
        if evicted {
            self.count_dropped();
            self.lagged = self.lagged.saturating_add(1);
        }
        evicted
    }

    /// Takes a lane's head. An emptied lane goes, and its deficit with it.
    fn pop(&mut self, lane: &Lane) -> Option<Message> {
        let fifo = self.lanes.get_mut(lane)?;
        let (arrival, message) = fifo.items.pop_front()?;
        self.heads.remove(&arrival);
        match fifo.items.front() {
            Some((next, _)) => {
                self.heads.insert(*next, lane.clone());
            }
            None => {
                self.rotation.remove(&fifo.turn);
                self.lanes.remove(lane);
            }
        }
        self.bytes -= message.size();
        self.len -= 1;
        if self.len == 0 {
            // An idle subscription keeps no memory of a busy past.
            self.lanes = HashMap::new();
        }
        Some(message)
    }

    /// Gives up what one lane holds, and says how much that was.
    pub(crate) fn discard(&mut self, lane: &Lane) -> usize {
        let before = self.len;
        while self.pop(lane).is_some() {
            self.count_dropped();
        }
        before - self.len
    }

    /// Serves one lane.
    pub(crate) fn drain(&mut self) -> Envelope {
        let messages = match self.next_lane() {
            Some(lane) => self.serve(&lane),
            None => Vec::new(),
        };
        Envelope { messages, dropped: std::mem::take(&mut self.dropped), lagged: self.lagged }
    }

    fn quantum(&self) -> u64 {
        let lanes = u64::try_from(self.lanes.len()).unwrap_or(u64::MAX).max(1);
        (ROUND_BYTES / lanes).max(MIN_QUANTUM)
    }

    /// Gives lanes their turn until one's head fits its deficit.
    fn next_lane(&mut self) -> Option<Lane> {
        let quantum = self.quantum();
        for _ in 0..self.lanes.len() {
            let lane = self.rotation.first_key_value()?.1.clone();
            let fifo = self.lanes.get_mut(&lane)?;
            fifo.deficit = fifo.deficit.saturating_add(quantum);
            if fifo.shortfall() == 0 {
                return Some(lane);
            }
            self.send_back(&lane);
        }
        // Every head is larger than its deficit: as many whole rounds at once as let one be served.
        let rounds = self.lanes.values().map(|fifo| fifo.shortfall().div_ceil(quantum)).min()?;
        for fifo in self.lanes.values_mut() {
            fifo.deficit = fifo.deficit.saturating_add(rounds.saturating_mul(quantum));
        }
        self.rotation.values().find(|lane| self.lanes.get(*lane).is_some_and(|f| f.shortfall() == 0)).cloned()
    }

    fn serve(&mut self, lane: &Lane) -> Vec<Message> {
        let mut served: Vec<Message> = Vec::new();
        let mut bytes = 0;
        let quantum = self.quantum();
        while let Some(fifo) = self.lanes.get_mut(lane) {
            let Some((_, head)) = fifo.items.front() else { break };
            let size = head.size();
            if fifo.shortfall() > 0 {
                break;
            }
            let full = served.len() >= self.limits.envelope_messages
                || (!served.is_empty() && bytes + size > self.limits.envelope_bytes);
            if full || served.first().is_some_and(|first| !first.same_context(head)) {
                // Not the deficit ended the turn, so what is left of it must not pile up.
                fifo.deficit = fifo.deficit.min(quantum);
                break;
            }
            fifo.deficit -= weight(size);
            bytes += size;
            served.extend(self.pop(lane));
        }
        self.send_back(lane);
        served
    }

    fn send_back(&mut self, lane: &Lane) {
        if let Some(fifo) = self.lanes.get_mut(lane) {
            self.rotation.remove(&fifo.turn);
            self.turns += 1;
            fifo.turn = self.turns;
            self.rotation.insert(self.turns, lane.clone());
        }
    }
}

impl Fifo {
    /// How much deficit the head still lacks.
    fn shortfall(&self) -> u64 {
        self.items.front().map_or(0, |(_, head)| weight(head.size()).saturating_sub(self.deficit))
    }
}

fn weight(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
