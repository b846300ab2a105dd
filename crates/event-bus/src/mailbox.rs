//! A queue that can be waited for. Readiness is a level: it is read from the state, and a
//! notification only says that reading it again may be worth while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::queue::{Envelope, Queue, QueueLimits};
use crate::{Lane, Message};

/// What a look at a subscription shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing is queued.
    Empty,
    /// A drain would return messages.
    Messages,
    /// The capsule is going away: a drain can only say so.
    Retired,
    /// The subscription was dropped; there is nothing left to ask.
    Dropped,
}

const OPEN: u8 = 0;
const RETIRED: u8 = 1;
const DROPPED: u8 = 2;

#[derive(Debug)]
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    len: AtomicUsize,
    state: AtomicU8,
    notify: Arc<Notify>,
}

impl Mailbox {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            queue: Mutex::new(Queue::new(limits)),
            len: AtomicUsize::new(0),
            state: AtomicU8::new(OPEN),
            notify: Arc::default(),
        }
    }

    /// Queues a message. The outcome says whether sleepers must be woken once all queues are served,
    /// and how many messages had to go.
    pub(crate) fn push(&self, message: Message) -> Pushed {
        let mut queue = self.queue.lock();
        if self.state.load(Ordering::Acquire) != OPEN {
            return Pushed::default();
        }
        let was_empty = queue.len() == 0;
        let evicted = queue.push(message);
        let len = queue.len();
        self.len.store(len, Ordering::Release);
        Pushed { stored: true, wake: was_empty && len > 0, evicted }
    }

    pub(crate) fn count_dropped(&self) {
        self.queue.lock().count_dropped();
    }

    pub(crate) fn drain(&self) -> Envelope {
        let mut queue = self.queue.lock();
        let envelope = queue.drain();
        self.len.store(queue.len(), Ordering::Release);
        envelope
    }

    pub(crate) fn discard(&self, lane: &Lane) -> usize {
        let mut queue = self.queue.lock();
        let discarded = queue.discard(lane);
        self.len.store(queue.len(), Ordering::Release);
        discarded
    }

    pub(crate) fn retire(&self) {
        self.shut(RETIRED);
    }

    /// Discards what is queued; nothing is queued any more.
    pub(crate) fn close(&self) {
        self.shut(DROPPED);
        let mut queue = self.queue.lock();
        *queue = Queue::default();
        self.len.store(0, Ordering::Release);
    }

    fn shut(&self, state: u8) {
        {
            // Under the queue's lock, so that no push that saw it open comes after.
            let _queue = self.queue.lock();
            self.state.fetch_max(state, Ordering::AcqRel);
        }
        self.wake();
    }

    pub(crate) fn wake(&self) {
        self.notify.notify_waiters();
    }

    pub(crate) fn condition(&self) -> Condition {
        match self.state.load(Ordering::Acquire) {
            OPEN if self.len.load(Ordering::Acquire) == 0 => Condition::Empty,
            OPEN => Condition::Messages,
            RETIRED => Condition::Retired,
            _ => Condition::Dropped,
        }
    }

    pub(crate) fn notify(&self) -> &Arc<Notify> {
        &self.notify
    }
}

/// What a push did.
#[derive(Debug, Default)]
pub(crate) struct Pushed {
    pub(crate) stored: bool,
    pub(crate) wake: bool,
    pub(crate) evicted: u64,
}
