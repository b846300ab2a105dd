//! How many handlers of one principal compute at once, over all capsules.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use astrid_host_context::{CapsuleId, Principal};
use parking_lot::Mutex;

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
    of: HashMap<Account, Arc<Mutex<Queue>>>,
    /// At this many those without a call are looked for.
    prune_at: usize,
}

#[derive(Debug, Default)]
struct Queue {
    /// Calls that began and did not end, wherever they are.
    calls: u64,
    running: u64,
    limit: u64,
    /// Capsules with waiting calls, the next to be served first.
    capsules: VecDeque<(CapsuleId, VecDeque<Waiting>)>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    waker: Waker,
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
pub struct Places(Arc<Mutex<Queue>>);

/// One call's place. Dropping it gives the place back.
#[derive(Debug)]
pub struct Turn<'a> {
    capsule: &'a CapsuleId,
    limit: u64,
    queue: &'a Mutex<Queue>,
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
        queue.map_or(0, |queue| queue.lock().running)
    }

    /// Who has a call under way, waiting ones included.
    #[must_use]
    pub fn under_way(&self) -> Vec<Principal> {
        let queues = self.queues.lock();
        let of_calls = queues.of.iter().filter(|(_, queue)| queue.lock().calls > 0);
        of_calls.filter_map(|(who, _)| who.clone()).collect()
    }

    /// How many principals have a call under way.
    #[must_use]
    pub fn principals(&self) -> usize {
        self.queues.lock().of.values().filter(|queue| queue.lock().calls > 0).count()
    }
}

impl Queues {
    fn of(&mut self, who: Option<&Principal>) -> Arc<Mutex<Queue>> {
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
    #[must_use]
    pub fn turn<'a>(&'a self, capsule: &'a CapsuleId, limit: u64) -> Turn<'a> {
        Turn { capsule, limit: limit.max(1), queue: &self.0, place: Place::Nowhere }
    }
}

impl Turn<'_> {
    /// Takes a place, or waits in line for one.
    pub fn poll_enter(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if self.place == Place::Nowhere {
            queue.calls += 1;
            queue.limit = self.limit;
            self.place = Place::Outside;
        }
        match self.place {
            Place::Inside => return Poll::Ready(()),
            Place::Outside | Place::Nowhere if queue.capsules.is_empty() && queue.running < queue.limit => {
                queue.running += 1;
                self.place = Place::Inside;
                return Poll::Ready(());
            }
            Place::Outside | Place::Nowhere => {
                self.place = Place::Waiting(queue.join(self.capsule, cx.waker()));
            }
            Place::Waiting(ticket) if !queue.renew(self.capsule, ticket, cx.waker()) => {
                // Whoever left the line was counted in by `serve`.
                self.place = Place::Inside;
                return Poll::Ready(());
            }
            Place::Waiting(_) => {}
        }
        // A limit that was raised meanwhile lets more in than have left.
        let woken = queue.serve();
        drop(queue);
        woken.into_iter().for_each(Waker::wake);
        Poll::Pending
    }

    /// Gives the place back, if the call has one, until it computes again.
    pub fn leave(&mut self) {
        if self.place != Place::Nowhere {
            self.give_back(Place::Outside);
        }
    }

    /// Gives the place back for good; what dropping does.
    pub fn end(&mut self) {
        if self.place != Place::Nowhere {
            self.give_back(Place::Nowhere);
        }
    }

    fn give_back(&mut self, now: Place) {
        let woken = {
            let mut queue = self.queue.lock();
            if now == Place::Nowhere {
                queue.calls = queue.calls.saturating_sub(1);
            }
            match std::mem::replace(&mut self.place, now) {
                Place::Nowhere | Place::Outside => return,
                Place::Inside => queue.running = queue.running.saturating_sub(1),
                Place::Waiting(ticket) => {
                    // Served and never polled again: the place it was given goes on.
                    if !queue.quit(self.capsule, ticket) {
                        queue.running = queue.running.saturating_sub(1);
                    }
                }
            }
            queue.serve()
        };
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

impl Queue {
    fn line(&mut self, capsule: &CapsuleId) -> Option<&mut VecDeque<Waiting>> {
        self.capsules.iter_mut().find(|(of, _)| of == capsule).map(|(_, line)| line)
    }

    fn join(&mut self, capsule: &CapsuleId, waker: &Waker) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let waiting = Waiting { ticket, waker: waker.clone() };
        match self.line(capsule) {
            Some(line) => line.push_back(waiting),
            None => self.capsules.push_back((capsule.clone(), VecDeque::from([waiting]))),
        }
        ticket
    }

    /// Whether the ticket still waits; it is woken through `waker` from now on.
    fn renew(&mut self, capsule: &CapsuleId, ticket: u64, waker: &Waker) -> bool {
        let waiting = self.line(capsule).and_then(|line| line.iter_mut().find(|w| w.ticket == ticket));
        waiting.map(|waiting| waiting.waker.clone_from(waker)).is_some()
    }

    /// Takes a ticket out of the line; whether it was there.
    fn quit(&mut self, capsule: &CapsuleId, ticket: u64) -> bool {
        let Some(line) = self.line(capsule) else { return false };
        let before = line.len();
        line.retain(|waiting| waiting.ticket != ticket);
        let found = line.len() < before;
        self.capsules.retain(|(_, line)| !line.is_empty());
        found
    }

    /// Gives free places to those in line, capsule after capsule.
    fn serve(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        while self.running < self.limit {
            let Some((capsule, mut line)) = self.capsules.pop_front() else { break };
            if let Some(waiting) = line.pop_front() {
                self.running += 1;
                woken.push(waiting.waker);
            }
            if !line.is_empty() {
                self.capsules.push_back((capsule, line));
            }
        }
        woken
    }
}

#[cfg(test)]
mod tests;
