//! Runs a call under its permits, and lends them out while the call waits for the host.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits::LEND_AFTER;
use crate::permits::Desk;
use crate::site::Site;

/// Awaits `work`. It is polled only while the permits are held, so that the guest never computes
/// without them; a host wait over [`LEND_AFTER`] gives them back until the wait is over.
pub(crate) async fn lending<T>(work: impl Future<Output = T>, desk: &Desk) -> T {
    let mut work = pin!(work);
    let site = Arc::new(Site::default());
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(signal.clone());
    let mut patience = Patience::default();
    loop {
        let passes = desk.enter().await;
        let turn = poll_fn(|cx| {
            signal.listen(cx);
            // Once a turn: a guest that only yields wakes itself, and others must get theirs.
            if signal.take() {
                let polled = site.within(|| work.as_mut().poll(&mut Context::from_waker(&waker)));
                if let Poll::Ready(value) = polled {
                    return Poll::Ready(Some(value));
                }
            }
            patience.exhausted(site.waiting(), cx).map(|()| None)
        });
        if let Some(value) = turn.await {
            return value;
        }
        drop(passes);
        poll_fn(|cx| {
            signal.listen(cx);
            if signal.is_set() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// How long the call has been in its host wait.
#[derive(Default)]
struct Patience {
    wait: Option<u64>,
    lent: Option<u64>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Ready once the wait took longer than [`LEND_AFTER`]; at once for one that did so before and was
    /// only looked at again.
    fn exhausted(&mut self, wait: Option<u64>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(number) = wait else {
            self.wait = None;
            return Poll::Pending;
        };
        if self.lent == wait {
            return Poll::Ready(());
        }
        if self.wait != wait {
            self.wait = wait;
            let until = Instant::now() + LEND_AFTER;
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(until),
                None => self.timer = Some(Box::pin(sleep_until(until))),
            }
        }
        let over = match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        };
        if over.is_ready() {
            self.lent = Some(number);
        }
        over
    }
}

/// The waker that the work gets: tells that it wants to be polled without polling it.
struct Signal {
    set: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Default for Signal {
    /// Set: work is polled once without being woken.
    fn default() -> Self {
        Self { set: AtomicBool::new(true), task: Mutex::default() }
    }
}

impl Signal {
    fn listen(&self, cx: &Context<'_>) {
        let mut task = self.task.lock();
        match &mut *task {
            Some(waker) => waker.clone_from(cx.waker()),
            None => *task = Some(cx.waker().clone()),
        }
    }

    fn take(&self) -> bool {
        self.set.swap(false, Ordering::AcqRel)
    }

    fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set.store(true, Ordering::Release);
        let task = self.task.lock().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}
