//! Connections that wait for their next request.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use astrid_airlock::{Airlock, Host};
use astrid_host_context::CapsuleId;
use hyper::client::conn::{http1, http2};
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::heads::Doubt;
use crate::limits::{IDLE_PER_KEY, IDLE_TOTAL, MAX_AGE, MAX_IDLE, STREAMS_PER_CONNECTION};
use crate::payload::Payload;

/// How often idle connections are looked through while there are some.
const SWEEP: Duration = Duration::from_secs(10);

/// Where connections go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) https: bool,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

/// Who may use a connection, and until when.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    /// The one capsule an operator admitted to it; `None` for a public address.
    pub(crate) owner: Option<CapsuleId>,
    pub(crate) born: Instant,
}

/// A connection in use. Dropped before its response was read to the end, it ends an HTTP/1.1 connection.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) origin: Origin,
    pub(crate) line: Line,
    key: Key,
    pool: Weak<Pool>,
}

#[derive(Debug)]
pub(crate) enum Line {
    Http1 { sender: Option<http1::SendRequest<Payload>>, task: AbortHandle, doubt: Doubt },
    Http2 { sender: http2::SendRequest<Payload>, _share: Share },
}

/// Counts who uses an HTTP/2 connection.
#[derive(Debug)]
pub(crate) struct Share {
    users: Arc<AtomicUsize>,
    idle_since: Arc<Mutex<Instant>>,
}

impl Drop for Share {
    fn drop(&mut self) {
        *self.idle_since.lock() = Instant::now();
        self.users.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Idle {
    origin: Origin,
    since: Instant,
    sender: http1::SendRequest<Payload>,
    task: AbortHandle,
    doubt: Doubt,
}

#[derive(Debug)]
struct Shared {
    origin: Origin,
    sender: http2::SendRequest<Payload>,
    users: Arc<AtomicUsize>,
    idle_since: Arc<Mutex<Instant>>,
}

#[derive(Debug, Default)]
struct Slot {
    idle: Vec<Idle>,
    shared: Vec<Shared>,
    /// Held by whoever connects while it is not known that the server speaks HTTP/1.1 only.
    connecting: Arc<tokio::sync::Mutex<()>>,
    speaks_http1: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Pool {
    slots: Mutex<HashMap<Key, Slot>>,
    idle: AtomicUsize,
    swept: Mutex<bool>,
}

/// What decides about a connection that waits.
pub(crate) struct Asking<'a> {
    pub(crate) airlock: &'a Airlock,
    pub(crate) capsule: &'a CapsuleId,
    pub(crate) opted_in_allowed: bool,
}

impl Asking<'_> {
    /// Judged anew each time, since the operator's word may have been taken back.
    fn may_use(&self, key: &Key, origin: &Origin) -> bool {
        let ours = match &origin.owner {
            None => true,
            Some(owner) => owner == self.capsule && self.opted_in_allowed,
        };
        ours && self.airlock.admits(self.capsule, &key.host, origin.address).is_ok()
    }
}

impl Pool {
    /// A connection that waits, newest first.
    pub(crate) fn take(self: &Arc<Self>, key: &Key, asking: &Asking<'_>) -> Option<Lease> {
        let mut slots = self.slots.lock();
        let slot = slots.get_mut(key)?;
        let young = |origin: &Origin| origin.born.elapsed() < MAX_AGE;
        slot.shared.retain(|c| !c.sender.is_closed() && young(&c.origin));
        let before = slot.idle.len();
        slot.idle.retain(|c| !c.sender.is_closed() && young(&c.origin) && c.since.elapsed() < MAX_IDLE);
        self.idle.fetch_sub(before - slot.idle.len(), Ordering::Relaxed);
        let lease = |origin, line| Some(Lease { origin, line, key: key.clone(), pool: Arc::downgrade(self) });
        let free = |c: &&Shared| c.users.load(Ordering::Relaxed) < STREAMS_PER_CONNECTION;
        if let Some(c) = slot.shared.iter().filter(free).find(|c| asking.may_use(key, &c.origin)) {
            c.users.fetch_add(1, Ordering::Relaxed);
            let share = Share { users: c.users.clone(), idle_since: c.idle_since.clone() };
            return lease(c.origin.clone(), Line::Http2 { sender: c.sender.clone(), _share: share });
        }
        let at = slot.idle.iter().rposition(|c| asking.may_use(key, &c.origin))?;
        let c = slot.idle.remove(at);
        self.idle.fetch_sub(1, Ordering::Relaxed);
        lease(c.origin, Line::Http1 { sender: Some(c.sender), task: c.task, doubt: c.doubt })
    }

    /// A turn to connect. Those who wait for it look into the pool again, since one HTTP/2
    /// connection serves them all.
    pub(crate) async fn turn(self: &Arc<Self>, key: &Key) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        if !key.https {
            return None;
        }
        let connecting = {
            let mut slots = self.slots.lock();
            let slot = slots.entry(key.clone()).or_default();
            if slot.speaks_http1 {
                return None;
            }
            slot.connecting.clone()
        };
        // A connection that does not come about leaves an empty slot behind.
        self.sweep_later();
        Some(connecting.lock_owned().await)
    }

    pub(crate) fn lease_http1(
        self: &Arc<Self>,
        key: &Key,
        origin: Origin,
        sender: http1::SendRequest<Payload>,
        task: AbortHandle,
        doubt: Doubt,
    ) -> Lease {
        if key.https {
            self.slots.lock().entry(key.clone()).or_default().speaks_http1 = true;
        }
        let line = Line::Http1 { sender: Some(sender), task, doubt };
        Lease { origin, line, key: key.clone(), pool: Arc::downgrade(self) }
    }

    pub(crate) fn lease_http2(
        self: &Arc<Self>,
        key: &Key,
        origin: Origin,
        sender: http2::SendRequest<Payload>,
    ) -> Lease {
        let users = Arc::new(AtomicUsize::new(1));
        let idle_since = Arc::new(Mutex::new(Instant::now()));
        let share = Share { users: users.clone(), idle_since: idle_since.clone() };
        let shared = Shared { origin: origin.clone(), sender: sender.clone(), users, idle_since };
        let mut slots = self.slots.lock();
        let slot = slots.entry(key.clone()).or_default();
        slot.speaks_http1 = false;
        slot.shared.push(shared);
        drop(slots);
        self.sweep_later();
        Lease {
            origin,
            line: Line::Http2 { sender, _share: share },
            key: key.clone(),
            pool: Arc::downgrade(self),
        }
    }

    fn put(self: &Arc<Self>, key: Key, idle: Idle) {
        let mut slots = self.slots.lock();
        let slot = slots.entry(key).or_default();
        if slot.idle.len() >= IDLE_PER_KEY || self.idle.load(Ordering::Relaxed) >= IDLE_TOTAL {
            return;
        }
        slot.idle.push(idle);
        self.idle.fetch_add(1, Ordering::Relaxed);
        drop(slots);
        self.sweep_later();
    }

    /// One task while connections wait, none else.
    fn sweep_later(self: &Arc<Self>) {
        let mut swept = self.swept.lock();
        if std::mem::replace(&mut *swept, true) {
            return;
        }
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(pool) = pool.upgrade() else { return };
                if pool.sweep() {
                    return;
                }
            }
        });
    }

    /// Drops what waited too long; true once nothing waits.
    fn sweep(&self) -> bool {
        let mut swept = self.swept.lock();
        let mut slots = self.slots.lock();
        let mut idle = 0;
        slots.retain(|_, slot| {
            slot.idle.retain(|c| {
                !c.sender.is_closed() && c.since.elapsed() < MAX_IDLE && c.origin.born.elapsed() < MAX_AGE
            });
            slot.shared.retain(|c| {
                let unused = c.users.load(Ordering::Relaxed) == 0;
                let stale = c.idle_since.lock().elapsed() >= MAX_IDLE || c.origin.born.elapsed() >= MAX_AGE;
                !(c.sender.is_closed() || unused && stale)
            });
            idle += slot.idle.len();
            // Somebody who connects holds the other reference.
            !(slot.idle.is_empty() && slot.shared.is_empty() && Arc::strong_count(&slot.connecting) == 1)
        });
        self.idle.store(idle, Ordering::Relaxed);
        *swept = !slots.is_empty();
        !*swept
    }
}

impl Lease {
    /// The response was read to its end: the connection may serve another request.
    pub(crate) fn release(mut self) {
        if let Line::Http1 { sender, task, doubt } = &mut self.line
            && !doubt.is_there()
            && let (Some(sender), Some(pool)) = (sender.take(), self.pool.upgrade())
        {
            let (origin, since) = (self.origin.clone(), Instant::now());
            let idle = Idle { origin, since, sender, task: task.clone(), doubt: doubt.clone() };
            pool.put(self.key.clone(), idle);
        }
    }

    /// Ready for a request, or no longer of use.
    pub(crate) async fn ready(&mut self) -> Result<(), hyper::Error> {
        match &mut self.line {
            Line::Http1 { sender: Some(sender), .. } => sender.ready().await,
            Line::Http1 { sender: None, .. } => Ok(()),
            Line::Http2 { sender, .. } => sender.ready().await,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // What is unread would be read by nobody; the peer hears of it at once.
        if let Line::Http1 { sender: Some(_), task, .. } = &self.line {
            task.abort();
        }
    }
}
