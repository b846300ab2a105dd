//! TCP listeners: sockets that say whether somebody waits without taking anybody.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use astrid_host_context::Permit;
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::Error;
use crate::limits::BACKLOG;
use crate::waiters::Waiters;

/// The `tcp-listener` resource. The socket closes with the last handle on it.
pub struct TcpListener(pub(crate) Arc<Listener>);

impl TcpListener {
    fn on(listener: Arc<Listener>) -> Self {
        listener.handles.fetch_add(1, Ordering::Relaxed);
        Self(listener)
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        self.0.handles.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener").field("local", &self.0.local).finish_non_exhaustive()
    }
}

pub(crate) struct Listener {
    socket: AsyncFd<StdListener>,
    pub(crate) local: SocketAddr,
    fan: Arc<Fan>,
    waker: Waker,
    /// Guests' handles; waits hold the listener too and are none.
    handles: AtomicUsize,
    _share: Permit,
}

impl Listener {
    fn bind(address: SocketAddr, share: Permit) -> Result<Self, Error> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A listener that was closed a moment ago leaves connections behind that hold its port.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = StdListener::from(socket);
        let local = socket.local_addr()?;
        if !local.ip().is_loopback() {
            return Err(Error::Airlock(format!("the socket came out on {local}, which is not loopback")));
        }
        let socket = watched(socket)?;
        let fan = Arc::new(Fan::default());
        let waker = Waker::from(fan.clone());
        Ok(Self { socket, local, waker, fan, handles: AtomicUsize::new(0), _share: share })
    }

    /// Takes a connection if one waits.
    pub(crate) fn try_accept(&self) -> io::Result<Option<(StdStream, SocketAddr)>> {
        loop {
            match self.socket.get_ref().accept() {
                Ok((stream, peer)) => {
                    stream.set_nonblocking(true)?;
                    return Ok(Some((stream, peer)));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(None),
                    // The client gave up while it waited.
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }

    /// Whether a connection waits, asked of the kernel.
    pub(crate) fn has_waiting(&self) -> bool {
        let mut asked = [PollFd::new(self.socket.get_ref(), PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut asked, Some(&now)), Ok(1..))
    }

    /// Ready while a connection waits. Any number of tasks may ask.
    pub(crate) fn poll_waiting(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.has_waiting() {
                return Poll::Ready(Ok(()));
            }
            self.fan.0.lock().keep(cx);
            // The socket knows one waker, which is always the fan's.
            let mut fan = Context::from_waker(&self.waker);
            ready!(self.socket.poll_read_ready(&mut fan))?.clear_ready();
        }
    }
}

#[expect(deprecated, reason = "the successor is unsafe for types without I/O safety; std's listener has it")]
fn watched(socket: StdListener) -> io::Result<AsyncFd<StdListener>> {
    AsyncFd::with_interest(socket, Interest::READABLE)
}

/// Wakes everybody who waits for one socket.
#[derive(Default)]
struct Fan(Mutex<Waiters>);

impl Wake for Fan {
    fn wake(self: Arc<Self>) {
        self.0.lock().wake();
    }
}

/// Listeners that several stores of one capsule share, `bind_workers`.
#[derive(Debug)]
pub(crate) struct SharedListeners {
    stores: usize,
    open: Mutex<HashMap<SocketAddr, Weak<Listener>>>,
}

impl SharedListeners {
    pub(crate) fn new(stores: usize) -> Self {
        Self { stores, open: Mutex::default() }
    }

    /// The listener on a concrete port that another store opened, if there is room for one more; else
    /// a new one, which takes what `reserve` gives.
    pub(crate) fn open(
        &self,
        address: SocketAddr,
        reserve: impl FnOnce() -> Result<Permit, Error>,
    ) -> Result<TcpListener, Error> {
        // Held while binding: workers start side by side, and the second is to find what the first bound.
        let mut open = self.open.lock();
        let shared = open.get(&address).and_then(Weak::upgrade);
        if let Some(listener) = shared.filter(|l| l.handles.load(Ordering::Relaxed) < self.stores) {
            return Ok(TcpListener::on(listener));
        }
        let listener = Arc::new(Listener::bind(address, reserve()?)?);
        if self.stores > 1 {
            open.retain(|_, listener| listener.strong_count() > 0);
            open.insert(listener.local, Arc::downgrade(&listener));
        }
        Ok(TcpListener::on(listener))
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("local", &self.local).finish_non_exhaustive()
    }
}

/// A guest's milliseconds as a wait of a poll-accept.
pub(crate) fn poll_accept_time(timeout_ms: u64) -> Duration {
    Duration::from_millis(timeout_ms).min(crate::limits::MAX_POLL_ACCEPT)
}
