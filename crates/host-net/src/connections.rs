//! Every open stream of a kernel, so that it can be closed when the ground under it is gone.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use astrid_airlock::{Airlock, Host};
use astrid_host_context::{CapsuleId, Principal, Uuid};
use parking_lot::Mutex;

use crate::peer::PeerIdentity;
use crate::stream::core::Core;
use crate::udp::Open;

/// What is known about an open stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The capsule that holds it.
    pub capsule: CapsuleId,
    /// The principal it is charged to.
    pub principal: Option<Principal>,
    /// Who was proven at the other end, for a local connection.
    pub identity: Option<Arc<PeerIdentity>>,
    /// What `connect-tcp` was asked for, and the address that was dialled.
    pub dialled: Option<(Host, SocketAddr)>,
}

/// The open streams of all stores that share it. A clone is the same set.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    next: AtomicU64,
    open: Mutex<HashMap<u64, (Weak<Core>, Facts)>>,
    /// Of all streams there were; bytes of those that ended alone.
    ended: Mutex<StreamFigures>,
    udp: Arc<Open>,
}

/// What the streams of a kernel come to, since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamFigures {
    /// Open now.
    pub open: usize,
    /// Taken from listeners, local and TCP.
    pub accepted: u64,
    /// Made by `connect-tcp`.
    pub connected: u64,
    /// Bytes from peers.
    pub received: u64,
    /// Bytes to peers, as far as the kernel took them.
    pub sent: u64,
}

impl Connections {
    /// No streams.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Closes every stream that `unwanted` picks: its waits end, its peer sees the end, and its handle
    /// is invalid from then on. For a principal that was retired, a key that was revoked, or an
    /// operator's entry that was removed. Gives how many there were.
    pub fn close(&self, unwanted: impl Fn(&Facts) -> bool) -> usize {
        let picked: Vec<_> = {
            let open = self.0.open.lock();
            let picked = open.values().filter(|(_, facts)| unwanted(facts));
            let open = picked.filter_map(|(core, _)| core.upgrade());
            open.filter(|core| core.alive().is_ok()).collect()
        };
        for core in &picked {
            core.revoke();
        }
        picked.len()
    }

    /// Takes the datagram sockets of a principal that may not have them any more away: their handles are
    /// invalid from then on. Gives how many there were.
    pub fn close_udp_of(&self, who: &Principal) -> usize {
        self.0.udp.close(who)
    }

    /// Closes what the airlock would not admit any more. Gives how many there were.
    pub fn enforce(&self, airlock: &Airlock) -> usize {
        self.close(|facts| match &facts.dialled {
            Some((host, address)) => airlock.admits(&facts.capsule, host, *address).is_err(),
            None => false,
        })
    }

    /// Who is proven to be at the other end of the open streams, once for each.
    #[must_use]
    pub fn peers(&self) -> Vec<Arc<PeerIdentity>> {
        self.0.open.lock().values().filter_map(|(_, facts)| facts.identity.clone()).collect()
    }

    /// Enforces the airlock's rules whenever they change, until the airlock is gone. A kernel runs one
    /// such task, so that removing an entry closes what it admitted.
    pub async fn follow(self, airlock: Weak<Airlock>) {
        let Some(mut changed) = airlock.upgrade().map(|airlock| airlock.rules_changed()) else { return };
        while changed.changed().await.is_ok() {
            let Some(airlock) = airlock.upgrade() else { return };
            self.enforce(&airlock);
        }
    }

    /// Who was proven to be at the other end of any of them.
    #[must_use]
    pub fn proven(&self) -> HashSet<Principal> {
        let open = self.0.open.lock();
        let alive = open.values().filter(|(core, _)| core.upgrade().is_some_and(|core| core.alive().is_ok()));
        alive.filter_map(|(_, facts)| Some(facts.identity.as_ref()?.principal.clone())).collect()
    }

    /// Whether the stream of the local client with this request owner is open. One whose peer went is open until
    /// the capsule that has it reads of that.
    #[must_use]
    pub fn is_open(&self, owner: Uuid) -> bool {
        let open = self.0.open.lock();
        let mut of_owner = open
            .values()
            .filter(|(_, facts)| facts.identity.as_ref().is_some_and(|identity| identity.owner == owner));
        of_owner.any(|(core, _)| core.upgrade().is_some_and(|core| core.alive().is_ok()))
    }

    /// Open streams.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.open.lock().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the streams come to now, those that are open included.
    #[must_use]
    pub fn figures(&self) -> StreamFigures {
        let (open, mut figures) = {
            // One look at both, so that a stream that ends meanwhile is counted once.
            let open = self.0.open.lock();
            let ended = *self.0.ended.lock();
            (open.values().filter_map(|(core, _)| core.upgrade()).collect::<Vec<_>>(), ended)
        };
        figures.open = open.len();
        for core in open {
            figures.received += core.read.lock().received;
            figures.sent += core.write.lock().sent;
        }
        figures
    }

    pub(crate) fn udp(&self) -> &Arc<Open> {
        &self.0.udp
    }

    pub(crate) fn register(&self, core: &Arc<Core>, facts: Facts) -> Registration {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let mut open = self.0.open.lock();
        let mut figures = self.0.ended.lock();
        *if facts.dialled.is_some() { &mut figures.connected } else { &mut figures.accepted } += 1;
        open.insert(number, (Arc::downgrade(core), facts));
        Registration { shared: self.0.clone(), number, moved: (0, 0) }
    }
}

/// A stream's place in the set.
#[derive(Debug)]
pub(crate) struct Registration {
    shared: Arc<Shared>,
    number: u64,
    /// Bytes received and sent, told at the end.
    moved: (u64, u64),
}

impl Registration {
    /// Notes what the stream came to.
    pub(crate) fn moved(&mut self, received: u64, sent: u64) {
        self.moved = (received, sent);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut open = self.shared.open.lock();
        open.remove(&self.number);
        let mut figures = self.shared.ended.lock();
        figures.received += self.moved.0;
        figures.sent += self.moved.1;
    }
}
