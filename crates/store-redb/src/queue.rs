//! What waits for the writer: one line per namespace, served in turn, so that a flood in one does
//! not delay another by more than a group.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use astrid_host_kv::{Applied, Mutation, StoreError, Terms};
use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::engine::Engine;
use crate::namespace::Namespace;

pub(crate) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// One thing for the writer to do.
pub(crate) struct Job {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) work: Work,
    /// Queue space, given back when the job is done.
    pub(crate) _space: Option<[OwnedSemaphorePermit; 2]>,
}

pub(crate) enum Work {
    Apply {
        mutation: Mutation,
        terms: Terms,
        reply: Reply<Applied>,
    },
    /// Begins or goes on with a drop.
    Drop {
        begun: bool,
        reply: Option<Reply<()>>,
    },
    /// Something during which nothing may change.
    Alone(Alone),
}

pub(crate) type Alone = Box<dyn FnOnce(Result<&Engine, StoreError>) + Send>;

#[derive(Default)]
pub(crate) struct Queue {
    lines: Mutex<Lines>,
    filled: Condvar,
}

#[derive(Default)]
struct Lines {
    turns: VecDeque<Box<[u8]>>,
    jobs: HashMap<Box<[u8]>, VecDeque<Job>>,
    depth: usize,
    closed: bool,
}

/// What the writer finds when it asks for work.
pub(crate) enum Next {
    Job(Job),
    Idle,
    Closed,
}

impl Queue {
    /// Puts a job at the end of its namespace's line; false when the queue is closed, and the job is
    /// dropped with its reply.
    pub(crate) fn push(&self, job: Job) -> bool {
        let mut lines = self.lines.lock();
        if lines.closed {
            return false;
        }
        lines.add(job, VecDeque::push_back);
        drop(lines);
        self.filled.notify_one();
        true
    }

    /// Puts a job that is not finished back before the others of its namespace, and its namespace at
    /// the end of the turns.
    pub(crate) fn resume(&self, job: Job) {
        self.lines.lock().add(job, VecDeque::push_front);
    }

    pub(crate) fn next(&self) -> Next {
        self.lines.lock().take()
    }

    /// Like [`Queue::next`], after waiting up to `patience`, or for ever.
    pub(crate) fn wait(&self, patience: Option<Duration>) -> Next {
        let mut lines = self.lines.lock();
        while lines.turns.is_empty() && !lines.closed {
            match patience {
                None => self.filled.wait(&mut lines),
                Some(patience) => {
                    if self.filled.wait_for(&mut lines, patience).timed_out() {
                        break;
                    }
                }
            }
        }
        lines.take()
    }

    /// Takes no more jobs; those inside are still handed out.
    pub(crate) fn close(&self) {
        self.lines.lock().closed = true;
        self.filled.notify_one();
    }

    pub(crate) fn depth(&self) -> usize {
        self.lines.lock().depth
    }
}

impl Lines {
    fn add(&mut self, job: Job, put: fn(&mut VecDeque<Job>, Job)) {
        let name = job.namespace.name.clone();
        let line = self.jobs.entry(name.clone()).or_default();
        if line.is_empty() {
            self.turns.push_back(name);
        }
        put(line, job);
        self.depth += 1;
    }

    fn take(&mut self) -> Next {
        let Some(name) = self.turns.pop_front() else {
            return if self.closed { Next::Closed } else { Next::Idle };
        };
        let job = self.jobs.get_mut(&name).and_then(VecDeque::pop_front);
        if self.jobs.get(&name).is_some_and(|line| !line.is_empty()) {
            self.turns.push_back(name);
        } else {
            self.jobs.remove(&name);
        }
        self.depth = self.depth.saturating_sub(1);
        job.map_or(Next::Idle, Next::Job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespace::Namespaces;

    fn job(namespaces: &Namespaces, name: &str) -> Job {
        let namespace = namespaces.named(name.as_bytes().into());
        Job { namespace, work: Work::Drop { begun: true, reply: None }, _space: None }
    }

    #[test]
    fn a_long_line_and_a_short_one_are_served_in_turn() {
        let (queue, namespaces) = (Queue::default(), Namespaces::default());
        for name in ["a", "a", "a", "b"] {
            assert!(queue.push(job(&namespaces, name)));
        }
        let order: Vec<_> = std::iter::from_fn(|| match queue.next() {
            Next::Job(job) => Some(String::from_utf8_lossy(&job.namespace.name).into_owned()),
            Next::Idle | Next::Closed => None,
        })
        .collect();
        assert_eq!(order, ["a", "b", "a", "a"]);
        assert_eq!(queue.depth(), 0);
    }

    #[test]
    fn a_closed_queue_takes_nothing_and_still_hands_out_what_it_has() {
        let (queue, namespaces) = (Queue::default(), Namespaces::default());
        assert!(queue.push(job(&namespaces, "a")));
        queue.close();
        assert!(!queue.push(job(&namespaces, "a")));
        assert!(matches!(queue.wait(None), Next::Job(_)));
        assert!(matches!(queue.wait(None), Next::Closed));
    }
}
