//! A running command, as the host holds it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use astrid_host_process::{BoxFuture, Control, Exit, Signal, Usage};
use parking_lot::Mutex;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::budget::Budget;
use super::held::Held;
use super::scratch::Private;
use super::start::Pids;
use super::usage;
use crate::wire::{self, Order, Report};

/// How long the shim has for killing everything before that is done by ending its namespace.
const PATIENCE: Duration = Duration::from_secs(3);
/// The signal that nobody survives.
const KILLED: i32 = 9;

/// The host's end of the line to a shim.
#[derive(Debug)]
pub(super) struct Line(AsyncFd<OwnedFd>);

impl Line {
    pub(super) fn new(socket: AsyncFd<OwnedFd>) -> Self {
        Self(socket)
    }

    /// Waits for a report, and for the pid of whoever sent it; `None` at the line's end.
    pub(super) async fn hear(&self) -> io::Result<Option<(Report, Option<u32>)>> {
        self.0.async_io(Interest::READABLE, |socket| wire::receive(socket)).await
    }

    /// What has been said already.
    pub(super) fn hear_now(&self) -> io::Result<Option<(Report, Option<u32>)>> {
        wire::receive(self.0.get_ref())
    }

    /// Does not wait: a line that is full belongs to a shim that is stuck.
    pub(super) fn tell(&self, order: &Order) -> io::Result<()> {
        wire::send(self.0.get_ref(), order)
    }

    /// The shim hears its end and kills everything.
    fn end(&self) {
        let _ = rustix::net::shutdown(self.0.get_ref(), rustix::net::Shutdown::Both);
    }
}

#[derive(Debug)]
struct Shared {
    line: Line,
    pids: Pids,
    kill: Notify,
    exit: watch::Sender<Option<Exit>>,
    usage: Mutex<Usage>,
}

impl Shared {
    /// What the tree has used up by now.
    async fn look(&self) -> Usage {
        let shim = self.pids.shim;
        match tokio::task::spawn_blocking(move || usage::of_tree(shim)).await {
            Ok(now) => self.used(now),
            Err(_) => *self.usage.lock(),
        }
    }

    /// Figures never fall.
    fn used(&self, now: Usage) -> Usage {
        let mut most = self.usage.lock();
        most.cpu_ms = most.cpu_ms.max(now.cpu_ms);
        most.mem_bytes_peak = most.mem_bytes_peak.max(now.mem_bytes_peak);
        *most
    }
}

/// What a running command is controlled by.
#[derive(Debug)]
pub(super) struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(super) fn new(line: Line, pids: Pids, held: Held, private: Option<Private>, cpu_secs: u64) -> Self {
        let shared = Arc::new(Shared {
            line,
            pids,
            kill: Notify::new(),
            exit: watch::Sender::new(None),
            usage: Mutex::new(Usage { cpu_ms: 0, mem_bytes_peak: 0 }),
        });
        let budget = Budget::new(cpu_secs);
        let keeper = Keeper { shared: Arc::clone(&shared), held, private, budget };
        tokio::spawn(keeper.keep());
        Self { shared }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Control for Handle {
    fn pid(&self) -> u32 {
        self.shared.pids.command
    }

    fn signal(&self, signal: Signal) {
        let number = match signal {
            Signal::Term => libc::SIGTERM,
            Signal::Hup => libc::SIGHUP,
            Signal::Usr1 => libc::SIGUSR1,
            Signal::Usr2 => libc::SIGUSR2,
            Signal::Int => libc::SIGINT,
            Signal::Stop => libc::SIGSTOP,
            Signal::Cont => libc::SIGCONT,
        };
        // It fails when the shim has ended, and then the command has.
        let _ = self.shared.line.tell(&Order::Signal(number));
    }

    fn kill(&self) {
        let _ = self.shared.line.tell(&Order::Kill);
        self.shared.kill.notify_one();
    }

    fn ended(&self) -> BoxFuture<'_, Exit> {
        let mut exit = self.shared.exit.subscribe();
        Box::pin(async move {
            match exit.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(exit)) => *exit,
                _ => Exit { code: None, signal: Some(KILLED) },
            }
        })
    }

    fn usage(&self) -> BoxFuture<'_, Usage> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            if shared.exit.borrow().is_none() {
                return shared.look().await;
            }
            *shared.usage.lock()
        })
    }
}

/// Who waits for the end, whether anybody else does or not.
struct Keeper {
    shared: Arc<Shared>,
    held: Held,
    private: Option<Private>,
    budget: Budget,
}

impl Keeper {
    async fn keep(mut self) {
        let mut exit = None;
        let mut kill_by = None;
        let mut look_at = Instant::now() + self.budget.next_look(0);
        loop {
            tokio::select! {
                heard = self.shared.line.hear() => match heard {
                    Ok(Some((report, _))) => exit = self.note(&report).or(exit),
                    Ok(None) | Err(_) => break,
                },
                () = self.held.over() => break,
                () = self.shared.kill.notified(), if kill_by.is_none() => {
                    kill_by = Some(Instant::now() + PATIENCE);
                }
                () = tokio::time::sleep_until(look_at), if kill_by.is_none() => {
                    let used = self.shared.look().await.cpu_ms;
                    look_at = Instant::now() + self.budget.next_look(used);
                    if self.budget.is_spent(used) {
                        let _ = self.shared.line.tell(&Order::Kill);
                        self.shared.kill.notify_one();
                    }
                }
                () = at(kill_by) => {
                    self.shared.line.end();
                    self.held.end();
                    break;
                }
            }
        }
        self.held.over().await;
        while let Ok(Some((report, _))) = self.shared.line.hear_now() {
            exit = self.note(&report).or(exit);
        }
        if let Some(private) = self.private.take() {
            // Whoever is told of the end finds nothing left.
            let _ = tokio::task::spawn_blocking(move || private.remove()).await;
        }
        let exit = exit.unwrap_or(Exit { code: None, signal: Some(KILLED) });
        self.shared.exit.send_replace(Some(exit));
    }

    /// The exit, if this is its report.
    fn note(&self, report: &Report) -> Option<Exit> {
        let &Report::Ended { code, signal, cpu_us, peak_kib } = report else { return None };
        let last = Usage { cpu_ms: cpu_us / 1000, mem_bytes_peak: peak_kib.saturating_mul(1024) };
        self.shared.used(last);
        Some(Exit { code, signal })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.line.end();
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
