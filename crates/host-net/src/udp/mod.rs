//! Datagram sockets.

mod open;
mod peers;
mod socket;

pub(crate) use open::Open;
pub(crate) use peers::Peers;
pub(crate) use socket::{Datagram, Sockets, Way};

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use astrid_host_context::{Permit, Principal};
use parking_lot::Mutex;

use crate::Error;
use crate::waiters::Waiters;
use open::Seat;

/// The `udp-socket` resource.
pub struct UdpSocket(
    pub(crate) Arc<Shared>,
    #[expect(dead_code, reason = "its end is its drop")] Option<Seat>,
);

/// What the handle and its pollables share.
pub(crate) struct Shared {
    pub(crate) sockets: Mutex<Sockets>,
    gone: AtomicBool,
    waiters: Mutex<Waiters>,
    _share: Permit,
}

impl UdpSocket {
    pub(crate) fn new(sockets: Sockets, share: Permit, who: Option<&Principal>, open: &Arc<Open>) -> Self {
        let shared = Arc::new(Shared {
            sockets: Mutex::new(sockets),
            gone: AtomicBool::new(false),
            waiters: Mutex::default(),
            _share: share,
        });
        let seat = open.enter(who, &shared);
        Self(shared, seat)
    }
}

impl Shared {
    /// Whether the socket is still the guest's.
    pub(crate) fn alive(&self) -> Result<(), Error> {
        if self.gone.load(Ordering::Acquire) { Err(Error::InvalidHandle) } else { Ok(()) }
    }

    /// Takes the socket away from the guest: its port is free, waits end, and every later call is an
    /// invalid handle.
    fn revoke(&self) {
        self.gone.store(true, Ordering::Release);
        self.sockets.lock().close();
        self.waiters.lock().wake();
    }

    /// Asks the sockets, for as long as they are the guest's.
    pub(crate) fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        ask: impl FnOnce(&mut Sockets, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, Error>> {
        self.alive()?;
        let answer = ask(&mut self.sockets.lock(), cx);
        if answer.is_pending() {
            self.waiters.lock().keep(cx);
            // Whoever took the socket away in between found nobody to wake.
            self.alive()?;
        }
        answer.map(Ok)
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket").finish_non_exhaustive()
    }
}
