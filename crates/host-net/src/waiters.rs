//! Everybody who waits for one change, where several tasks may.

use std::task::{Context, Waker};

/// Wakers kept before all are woken to sort themselves out: a task that went away leaves one behind.
const MANY: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Waiters(Vec<Waker>);

impl Waiters {
    /// Keeps the waker, once a task.
    pub(crate) fn keep(&mut self, cx: &Context<'_>) {
        if self.0.iter().any(|known| known.will_wake(cx.waker())) {
            return;
        }
        if self.0.len() >= MANY {
            self.wake();
        }
        self.0.push(cx.waker().clone());
    }

    /// Wakes and forgets them.
    pub(crate) fn wake(&mut self) {
        for waker in self.0.drain(..) {
            waker.wake();
        }
    }
}
