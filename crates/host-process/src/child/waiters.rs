//! Tasks that wait for a change of a child through a pollable.

use std::task::{Context, Waker};

use parking_lot::Mutex;

/// Wakers kept before all are woken to sort themselves out: a task that went away leaves one behind.
const MANY: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<Vec<Waker>>);

impl Waiters {
    /// Keeps the waker, once a task.
    pub(crate) fn keep(&self, cx: &Context<'_>) {
        let mut wakers = self.0.lock();
        if wakers.iter().any(|known| known.will_wake(cx.waker())) {
            return;
        }
        let old = if wakers.len() >= MANY { std::mem::take(&mut *wakers) } else { Vec::new() };
        wakers.push(cx.waker().clone());
        drop(wakers);
        old.into_iter().for_each(Waker::wake);
    }

    /// Wakes and forgets them.
    pub(crate) fn wake(&self) {
        let wakers = std::mem::take(&mut *self.0.lock());
        wakers.into_iter().for_each(Waker::wake);
    }
}
