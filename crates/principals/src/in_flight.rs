//! How many handlers of one principal compute at once, over all capsules.

mod count;
mod line;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use astrid_host_context::{CapsuleId, Principal};
use parking_lot::{Mutex, MutexGuard};

use count::Count;
use line::Line;

type Account = Option<Principal>;

/// Principals without a call whose queues are kept for their next one; beyond it they are forgotten.
const MAX_IDLE: usize = 1024;

/// Places to compute in, by principal.
///
/// A call takes its place with [`Turn::poll_enter`] before it computes and gives it back with
/// [`Turn::leave`] whenever it waits, so a call that waits for the host, or for another handler of
/// the same principal, holds nobody up. Places go round the capsules that wait, and within a capsule
/// in the order of arrival.
#[derive(Debug, Default)]
pub struct InFlight {
    queues: Mutex<Queues>,
}

#[derive(Debug, Default)]
struct Queues {
    of: HashMap<Account, Arc<Queue>>,
    /// At this many those without a call are looked for.
    prune_at: usize,
}

/// One principal's places. Calls come and go by the count alone; the line is for when all places are taken.
#[derive(Debug, Default)]
struct Queue {
    count: Count,
    limit: AtomicU64,
    line: Mutex<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Not counted: before the first look at the queue, and after the end.
    Nowhere,
    Outside,
    Waiting(u64),
    Inside,
}

/// One principal's places. Nobody forgets them while they are held, so who calls often looks them up once.
#[derive(Debug, Clone)]
pub struct Places(Arc<Queue>);

/// One call's place. Dropping it gives the place back.
#[derive(Debug)]
pub struct Turn<'a> {
    capsule: &'a CapsuleId,
    limit: u64,
    queue: &'a Queue,
    place: Place,
}

impl InFlight {
    /// Where calls of `who` take their places.
    #[must_use]
    pub fn places(&self, who: Option<&Principal>) -> Places {
        Places(self.queues.lock().of(who))
    }

    /// Handlers of `who` that compute now.
    #[must_use]
    pub fn running(&self, who: Option<&Principal>) -> u64 {
        let queue = self.queues.lock().of.get(&who.cloned()).cloned();
        queue.map_or(0, |queue| queue.count.running())
    }

    /// Who has a call under way, waiting ones included.
    #[must_use]
    pub fn under_way(&self) -> Vec<Principal> {
        let queues = self.queues.lock();
        let of_calls = queues.of.iter().filter(|(_, queue)| queue.count.is_busy());
        of_calls.filter_map(|(who, _)| who.clone()).collect()
    }

    /// How many principals have a call under way.
    #[must_use]
    pub fn principals(&self) -> usize {
        self.queues.lock().of.values().filter(|queue| queue.count.is_busy()).count()
    }
}

impl Queues {
    fn of(&mut self, who: Option<&Principal>) -> Arc<Queue> {
        let who = who.cloned();
        if let Some(queue) = self.of.get(&who) {
            return queue.clone();
        }
        if self.of.len() >= self.prune_at.max(MAX_IDLE) {
            // Clones are made under the map's lock, or of clones: one that is alone here is nobody's.
            self.of.retain(|_, queue| Arc::strong_count(queue) > 1);
            // Amortised: as many again may come before the next look.
            self.prune_at = 2 * self.of.len();
        }
        self.of.entry(who).or_default().clone()
    }
}

impl Places {
    /// A call through `capsule`, not computing yet. `limit` is the principal's as of now and applies to
    /// all its calls from this one's first place on.
    #[inline]
    #[must_use]
    pub fn turn<'a>(&'a self, capsule: &'a CapsuleId, limit: u64) -> Turn<'a> {
        Turn { capsule, limit: limit.max(1), queue: &self.0, place: Place::Nowhere }
    }
}

impl Turn<'_> {
    /// Takes a place, or waits in line for one.
    #[inline]
    pub fn poll_enter(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let new = match self.place {
            Place::Inside => return Poll::Ready(()),
            Place::Waiting(ticket) => return self.poll_line(ticket, cx),
            Place::Outside => false,
            Place::Nowhere => {
                self.queue.limit.store(self.limit, Ordering::Release);
                true
            }
        };
        if self.queue.count.enter(new, self.queue.limit()) {
            self.place = Place::Inside;
            return Poll::Ready(());
        }
        if new {
            self.queue.count.begin_call();
        }
        self.join_line(cx);
        Poll::Pending
    }

    fn join_line(&mut self, cx: &mut Context<'_>) {
        let mut line = self.queue.line.lock();
        self.place = Place::Waiting(line.join(self.capsule, cx.waker()));
        // Whoever leaves from here on serves the line; who left before is seen by the look below.
        self.queue.count.note_line(true);
        self.queue.serve(line);
    }

    fn poll_line(&mut self, ticket: u64, cx: &mut Context<'_>) -> Poll<()> {
        let mut line = self.queue.line.lock();
        if !line.renew(self.capsule, ticket, cx.waker()) {
            // Whoever left the line was counted in by `serve`.
            self.place = Place::Inside;
            return Poll::Ready(());
        }
        // A limit that was raised meanwhile lets more in than have left.
        self.queue.serve(line);
        Poll::Pending
    }

    /// Gives the place back, if the call has one, until it computes again.
    pub fn leave(&mut self) {
        if self.place != Place::Nowhere {
            self.give_back(Place::Outside);
        }
    }

    /// Gives the place back for good; what dropping does.
    #[inline]
    pub fn end(&mut self) {
        if self.place != Place::Nowhere {
            self.give_back(Place::Nowhere);
        }
    }

    fn give_back(&mut self, next: Place) {
        let (queue, over) = (self.queue, next == Place::Nowhere);
        match std::mem::replace(&mut self.place, next) {
            Place::Inside => {
                if queue.count.leave(over) {
                    queue.serve(queue.line.lock());
                }
            }
            Place::Waiting(ticket) => {
                let mut line = queue.line.lock();
                if over {
                    queue.count.end_call();
                }
                // Served and never polled again: the place it was given goes on.
                if !line.quit(self.capsule, ticket) {
                    queue.count.leave(false);
                }
                queue.serve(line);
            }
            Place::Nowhere | Place::Outside if over => queue.count.end_call(),
            Place::Nowhere | Place::Outside => {}
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

impl Queue {
    fn limit(&self) -> u64 {
        self.limit.load(Ordering::Acquire)
    }

    /// Gives free places to those in line, and wakes them when it is unlocked.
    fn serve(&self, mut line: MutexGuard<'_, Line>) {
        let mut woken = Vec::new();
        while !line.is_empty() && self.count.admit(self.limit()) {
            woken.extend(line.next());
        }
        if line.is_empty() {
            self.count.note_line(false);
        }
        drop(line);
        woken.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests;
