//! A child that runs, the same for every tier that keeps one: rings, input, end.

mod activity;
mod ended;
mod life;
mod output;
mod ring;
mod stdin;
mod text;
mod waiters;
mod watch;

use std::future::pending;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch as cell;
use tokio::time::Instant;

pub(crate) use activity::Using;
pub(crate) use ended::Ended;
pub use ended::Reason;
pub(crate) use life::Start;
pub(crate) use ring::{Piece, Place};
pub(crate) use text::lossy;

use self::activity::Activity;
use self::ended::Cause;
use self::output::Output;
use self::ring::Ring;
pub(crate) use self::stdin::Stdin;
use self::waiters::Waiters;
use self::watch::Watch;
use crate::checked::Suffix;
use crate::owner::Owner;
use crate::{Control, Error, Exit, LogStream, Logs, Signal, Usage};

pub(crate) struct Child {
    pub(crate) owner: Owner,
    /// How records name it.
    pub(crate) mark: String,
    pub(crate) began: Instant,
    pub(crate) waiters: Waiters,
    control: Box<dyn Control>,
    stdout: Output,
    stderr: Output,
    stdin: Stdin,
    ended: cell::Sender<Option<Ended>>,
    cause: Mutex<Cause>,
    activity: Arc<Activity>,
    watch: Watch,
}

impl Child {
    pub(crate) fn ended(&self) -> Option<Ended> {
        *self.ended.borrow()
    }

    /// Waits for the end.
    pub(crate) async fn end(&self) -> Ended {
        let mut ended = self.ended.subscribe();
        loop {
            if let Some(ended) = *ended.borrow_and_update() {
                return ended;
            }
            if ended.changed().await.is_err() {
                // The sender lives as long as this child does.
                pending::<()>().await;
            }
        }
    }

    /// The end, once both streams have given all they had.
    pub(crate) fn exit(&self) -> Option<Exit> {
        let exit = self.ended().map(|ended| ended.exit);
        exit.filter(|_| self.stdout.look(Ring::is_finished) && self.stderr.look(Ring::is_finished))
    }

    /// Takes what there is as text.
    pub(crate) fn logs(&self) -> Logs {
        // Before the rings are looked at: what came until the end is taken with it.
        let exit = self.exit();
        let (stdout, stderr) = self.drain();
        Logs { stdout, stderr, running: exit.is_none(), exit }
    }

    pub(crate) fn drain(&self) -> (String, String) {
        (self.stdout.take(Ring::drain), self.stderr.take(Ring::drain))
    }

    pub(crate) fn read(&self, stream: LogStream, from: Option<Place>, max: usize) -> Option<Piece> {
        let exited = self.ended().is_some();
        let piece = self.output(stream).take(|ring| ring.read(from, max))?;
        Some(Piece { last: piece.last && exited, ..piece })
    }

    fn output(&self, stream: LogStream) -> &Output {
        match stream {
            LogStream::Stdout => &self.stdout,
            LogStream::Stderr => &self.stderr,
        }
    }

    /// Whether [`Child::drain`] would give anything.
    pub(crate) fn has_logs(&self) -> bool {
        self.stdout.look(Ring::drainable) > 0 || self.stderr.look(Ring::drainable) > 0
    }

    fn waiting(&self) -> (usize, usize) {
        (self.stdout.look(Ring::len), self.stderr.look(Ring::len))
    }

    pub(crate) fn buffered(&self) -> u64 {
        let (out, err) = self.waiting();
        out as u64 + err as u64
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.stdout.look(Ring::evicted) + self.stderr.look(Ring::evicted)
    }

    /// Nobody will read it any more.
    pub(crate) fn close_outputs(&self) {
        self.stdout.take(Ring::close);
        self.stderr.take(Ring::close);
        self.waiters.wake();
    }

    pub(crate) async fn write(&self, data: &[u8]) -> Result<(), Error> {
        if self.stdin.write(data).await? {
            self.watch.stdin_drained(&self.owner);
        }
        Ok(())
    }

    pub(crate) fn close_stdin(&self) {
        self.stdin.close();
    }

    pub(crate) fn takes_input(&self) -> bool {
        self.stdin.is_open()
    }

    /// A guest's signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.cause.lock().signalled(signal);
        self.control.signal(signal);
    }

    /// Asks it to end; one that is stopped hears of it.
    pub(crate) fn terminate(&self, reason: Reason) {
        self.cause.lock().set(reason);
        self.control.signal(Signal::Term);
        self.control.signal(Signal::Cont);
    }

    /// Ends it and everything it started. Whether it was alive.
    pub(crate) fn kill(&self, reason: Reason) -> bool {
        if self.ended().is_some() {
            return false;
        }
        self.cause.lock().set(reason);
        self.control.kill();
        true
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.ended().is_none().then(|| self.control.pid())
    }

    pub(crate) async fn usage(&self) -> Usage {
        match self.ended() {
            Some(ended) => ended.usage,
            None => self.control.usage().await,
        }
    }

    pub(crate) fn use_it(&self) -> Using {
        self.activity.begin()
    }

    pub(crate) fn idle_since(&self) -> Option<Instant> {
        self.activity.idle_since()
    }

    pub(crate) fn idle_ms(&self) -> u64 {
        u64::try_from(self.activity.idle().as_millis()).unwrap_or(u64::MAX)
    }

    /// Tells of the end at once if it was already.
    pub(crate) fn arm(&self, suffix: Suffix) {
        self.watch.arm(suffix);
        if let Some(ended) = self.ended() {
            self.watch.exited(&self.owner, &ended);
        }
    }

    pub(crate) fn disarm(&self) {
        self.watch.disarm();
    }
}
