//! Consumers inside the kernel: bounded, lossy, not counted among a publish's targets.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::trie::{Rule, Trie};
use crate::{AccessPattern, Message};

/// Messages an [`Observer`] may be behind by before it loses the oldest.
pub const OBSERVER_CAPACITY: usize = 1_024;

/// Why an observer got no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Missed {
    /// It was too slow; this many of the oldest messages are gone, the next ones are there.
    #[error("{0} messages were lost because the observer was too slow")]
    Lagged(u64),
    /// The bus is gone.
    #[error("the bus is gone")]
    Closed,
}

/// Sees every message on a pattern, also those no guest may see. Dropping it ends it.
#[derive(Debug)]
pub struct Observer {
    receiver: broadcast::Receiver<Message>,
    _entry: Entry,
}

impl Observer {
    /// Waits for the next message. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Missed`].
    pub async fn recv(&mut self) -> Result<Message, Missed> {
        self.receiver.recv().await.map_err(|error| match error {
            RecvError::Lagged(n) => Missed::Lagged(n),
            RecvError::Closed => Missed::Closed,
        })
    }

    /// The next message, if there is one.
    ///
    /// # Errors
    /// [`Missed`].
    pub fn try_recv(&mut self) -> Result<Option<Message>, Missed> {
        match self.receiver.try_recv() {
            Ok(message) => Ok(Some(message)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Lagged(n)) => Err(Missed::Lagged(n)),
            Err(TryRecvError::Closed) => Err(Missed::Closed),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Observers {
    trie: RwLock<Trie<Sink>>,
}

#[derive(Debug)]
struct Sink {
    number: u64,
    sender: broadcast::Sender<Message>,
}

#[derive(Debug)]
struct Entry {
    observers: Arc<Observers>,
    pattern: AccessPattern,
    number: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut trie = self.observers.trie.write();
        trie.remove(self.pattern.as_str(), Rule::Subtree, |sink| sink.number == self.number);
    }
}

impl Observers {
    pub(crate) fn add(self: &Arc<Self>, pattern: AccessPattern, number: u64, capacity: usize) -> Observer {
        let (sender, receiver) = broadcast::channel(capacity.max(1));
        self.trie.write().insert(pattern.as_str(), Rule::Subtree, Sink { number, sender });
        Observer { receiver, _entry: Entry { observers: self.clone(), pattern, number } }
    }

    pub(crate) fn show(&self, message: &Message) {
        self.trie.read().visit(message.topic().as_str(), |sink| {
            // An error only says that the observer is being dropped right now.
            let _ = sink.sender.send(message.clone());
        });
    }
}
