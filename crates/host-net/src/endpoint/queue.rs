//! Clients that passed and wait for a guest to take them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::peer::PeerIdentity;
use crate::waiters::Waiters;

/// Clients that wait here; further ones wait where they shook hands.
const PLACES: usize = 8;

/// A client that passed.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: UnixStream,
    pub(crate) identity: Option<Arc<PeerIdentity>>,
}

#[derive(Debug)]
pub(crate) struct Queue {
    places: Arc<Semaphore>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    clients: VecDeque<(Client, OwnedSemaphorePermit)>,
    closed: bool,
    waiters: Waiters,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)), inner: Mutex::default() }
    }

    /// Waits for a place and puts the client there.
    pub(super) async fn push(&self, client: Client) {
        let Ok(place) = self.places.clone().acquire_owned().await else { return };
        let mut inner = self.inner.lock();
        inner.clients.push_back((client, place));
        inner.waiters.wake();
    }

    pub(crate) fn pop(&self) -> Option<Client> {
        self.inner.lock().clients.pop_front().map(|(client, _)| client)
    }

    /// Ready while a client waits; with false once there will be none any more.
    pub(crate) fn poll_ready(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut inner = self.inner.lock();
        match (inner.clients.is_empty(), inner.closed) {
            (false, _) => Poll::Ready(true),
            (true, true) => Poll::Ready(false),
            (true, false) => {
                inner.waiters.keep(cx);
                Poll::Pending
            }
        }
    }

    pub(super) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.clients.clear();
        inner.waiters.wake();
    }
}
