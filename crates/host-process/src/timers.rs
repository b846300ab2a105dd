//! What is due when, for all kept children: one ordered queue, one task.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::child::{Child, Reason};
use crate::limits::REAP_GRACE;
use crate::registry::{Kept, Registry};

/// Something that happens at its time unless it is pointless by then.
pub(crate) enum Due {
    /// A child has lived as long as it may.
    Lifetime(Weak<Kept>),
    /// A child may have been without use for as long as it may.
    Idle(Weak<Kept>),
    /// A child that was asked to end did not.
    Kill(Weak<Child>),
    /// An ended child's id has been kept long enough.
    Forget(Weak<Kept>),
}

pub(crate) struct Timers {
    queue: Mutex<Queue>,
    /// Something is due before everything that was.
    sooner: Notify,
    registry: Arc<Registry>,
}

#[derive(Default)]
struct Queue {
    /// The number keeps apart what is due at the same time.
    due: BTreeMap<(Instant, u64), Due>,
    next: u64,
}

impl Timers {
    pub(crate) fn new(registry: Arc<Registry>) -> Arc<Self> {
        Arc::new(Self { queue: Mutex::default(), sooner: Notify::new(), registry })
    }

    pub(crate) fn at(&self, when: Instant, due: Due) {
        let mut queue = self.queue.lock();
        let number = queue.next;
        queue.next += 1;
        queue.due.insert((when, number), due);
        drop(queue);
        self.sooner.notify_one();
    }

    /// A kept child's three times.
    pub(crate) fn keep(&self, kept: &Arc<Kept>) {
        let now = Instant::now();
        self.at(now + kept.terms.lifetime, Due::Lifetime(Arc::downgrade(kept)));
        self.at(now + kept.terms.idle, Due::Idle(Arc::downgrade(kept)));
    }

    /// Does what is due, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let sooner = self.sooner.notified();
            while let Some(due) = self.pop() {
                self.happen(due);
            }
            let next = self.queue.lock().due.keys().next().map(|(when, _)| *when);
            match next {
                Some(next) => tokio::select! {
                    () = sleep_until(next) => {}
                    () = sooner => {}
                },
                None => sooner.await,
            }
        }
    }

    fn pop(&self) -> Option<Due> {
        let mut queue = self.queue.lock();
        let first = queue.due.first_entry().filter(|entry| entry.key().0 <= Instant::now())?;
        Some(first.remove())
    }

    fn happen(&self, due: Due) {
        match due {
            Due::Lifetime(kept) => {
                if let Some(kept) = alive(&kept) {
                    self.reap(&kept.child);
                }
            }
            Due::Idle(kept) => {
                let Some(kept) = alive(&kept) else { return };
                // Somebody uses it at this moment, or did since: it has all its time again from then.
                let since = kept.child.idle_since().unwrap_or_else(Instant::now);
                let end = since + kept.terms.idle;
                if end > Instant::now() {
                    self.at(end, Due::Idle(Arc::downgrade(&kept)));
                } else {
                    self.reap(&kept.child);
                }
            }
            Due::Kill(child) => {
                if let Some(child) = child.upgrade() {
                    child.kill(Reason::Ttl);
                }
            }
            Due::Forget(kept) => {
                if let Some(kept) = kept.upgrade() {
                    self.registry.remove(&kept);
                }
            }
        }
    }

    fn reap(&self, child: &Arc<Child>) {
        child.terminate(Reason::Ttl);
        self.at(Instant::now() + REAP_GRACE, Due::Kill(Arc::downgrade(child)));
    }
}

fn alive(kept: &Weak<Kept>) -> Option<Arc<Kept>> {
    kept.upgrade().filter(|kept| !kept.is_removed() && kept.child.ended().is_none())
}
