//! From the exec of a child to its end.

use std::sync::Arc;

use astrid_host_context::Cancellation;
use parking_lot::Mutex;
use tokio::sync::watch as cell;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::Child;
use super::activity::Activity;
use super::ended::{Cause, Ended};
use super::output::Output;
use super::stdin::Stdin;
use super::waiters::Waiters;
use super::watch::{Arrival, Watch};
use crate::limits::BACKSTOP;
use crate::owner::Owner;
use crate::roll::Slot;
use crate::{Lifecycle, LogStream, OverflowPolicy, Running};

/// What a child begins with.
pub(crate) struct Start {
    pub(crate) owner: Owner,
    pub(crate) mark: String,
    pub(crate) label: String,
    pub(crate) running: Running,
    pub(crate) prelude: Option<Vec<u8>>,
    pub(crate) stdin_stays_open: bool,
    pub(crate) most_stdin: u64,
    pub(crate) ring: usize,
    pub(crate) overflow: OverflowPolicy,
    /// What it holds of the host, until it is reaped.
    pub(crate) slot: Slot,
    pub(crate) events: Arc<dyn Lifecycle>,
}

impl Child {
    /// Begins to read what it writes and to wait for its end.
    pub(crate) fn begin(start: Start) -> Arc<Self> {
        let Running { control, stdin, stdout, stderr } = start.running;
        let child = Arc::new(Self {
            owner: start.owner,
            mark: start.mark,
            began: Instant::now(),
            waiters: Waiters::default(),
            control,
            stdout: Output::new(start.ring, start.overflow),
            stderr: Output::new(start.ring, start.overflow),
            stdin: Stdin::new(stdin, start.prelude, start.stdin_stays_open, start.most_stdin),
            ended: cell::Sender::new(None),
            cause: Mutex::new(Cause::default()),
            activity: Arc::new(Activity::new()),
            watch: Watch::new(start.events, start.label),
        });
        let backstop = Cancellation::new();
        let fill = |stream, reader| {
            let (child, backstop) = (child.clone(), backstop.clone());
            tokio::spawn(async move {
                child.output(stream).fill(reader, backstop, |first| child.arrived(first)).await;
                child.waiters.wake();
            })
        };
        let fills = [fill(LogStream::Stdout, stdout), fill(LogStream::Stderr, stderr)];
        tokio::spawn(child.clone().supervise(fills, backstop, start.slot));
        child
    }

    /// There is new output, the first after nothing or more.
    fn arrived(self: &Arc<Self>, first: bool) {
        self.waiters.wake();
        if !first {
            return;
        }
        match self.watch.output_arrived() {
            Arrival::Nothing => {}
            Arrival::Now => self.watch.log_ready(&self.owner, self.waiting()),
            Arrival::At(then) => {
                let child = Arc::downgrade(self);
                tokio::spawn(async move {
                    sleep_until(then).await;
                    if let Some(child) = child.upgrade() {
                        child.watch.log_ready(&child.owner, child.waiting());
                    }
                });
            }
        }
    }

    /// Publishes the end once nothing more can come on either stream, so that nobody who sees it misses a byte.
    async fn supervise(self: Arc<Self>, fills: [JoinHandle<()>; 2], backstop: Cancellation, slot: Slot) {
        let exit = self.control.ended().await;
        let both = async {
            for fill in fills {
                // A reader that panicked has nothing more to give either.
                let _ = fill.await;
            }
        };
        if timeout(BACKSTOP, both).await.is_err() {
            backstop.cancel();
        }
        let usage = self.control.usage().await;
        let reason = self.cause.lock().judge(exit);
        self.stdin.end();
        // Before anybody hears of the end: who does may start the next child at once.
        drop(slot);
        let ended = Ended { exit, usage, reason, at: Instant::now() };
        self.ended.send_replace(Some(ended));
        self.waiters.wake();
        self.owner.reaped(&self.mark, reason);
        self.watch.exited(&self.owner, &ended);
    }

    /// Waits for both streams to be finished after the end, but not for ever: under backpressure one may wait
    /// for a reader.
    pub(crate) async fn outputs_finished(&self) {
        let finished = std::future::poll_fn(|cx| {
            self.waiters.keep(cx);
            match self.exit() {
                Some(_) => std::task::Poll::Ready(()),
                None => std::task::Poll::Pending,
            }
        });
        // Who waits too long gets what there is.
        let _ = timeout(BACKSTOP, finished).await;
    }
}
