//! One stream of a child: its ring, and the task that fills it.

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::Notify;

use super::ring::{Ring, Stored};
use crate::OverflowPolicy;
use astrid_host_context::Cancellation;

#[derive(Debug)]
pub(crate) struct Output {
    ring: Mutex<Ring>,
    /// Tells the task that waits with a chunk in its hands that something was taken.
    room: Notify,
}

impl Output {
    pub(crate) fn new(capacity: usize, overflow: OverflowPolicy) -> Self {
        Self { ring: Mutex::new(Ring::new(capacity, overflow)), room: Notify::new() }
    }

    /// Looks, and changes nothing.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Ring) -> T) -> T {
        look(&self.ring.lock())
    }

    /// Takes, reads or closes, which may make room.
    pub(crate) fn take<T>(&self, take: impl FnOnce(&mut Ring) -> T) -> T {
        let taken = take(&mut self.ring.lock());
        self.room.notify_one();
        taken
    }

    /// Stores a chunk, waiting for room where nothing may be lost; whether it was the first after nothing.
    async fn store(&self, chunk: &[u8]) -> bool {
        loop {
            let room = self.room.notified();
            if let Stored::Yes { first } = self.ring.lock().push(chunk) {
                return first;
            }
            room.await;
        }
    }

    /// Reads until the end, or until `backstop` fires and nothing is there to be read. A chunk that waits for
    /// room is not given up for it. `arrived` hears whether the ring was empty before.
    pub(crate) async fn fill(
        &self,
        mut reader: impl AsyncRead + Unpin,
        backstop: Cancellation,
        arrived: impl Fn(bool),
    ) {
        let size = self.look(Ring::read_size);
        let mut buffer = vec![0; size];
        loop {
            let read = tokio::select! {
                biased;
                read = reader.read(&mut buffer) => read.unwrap_or(0),
                () = backstop.fired() => 0,
            };
            let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else { break };
            arrived(self.store(chunk).await);
        }
        self.ring.lock().finish();
    }
}
