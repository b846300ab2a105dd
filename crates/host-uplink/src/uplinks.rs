//! The endpoints of one capsule's load, shared by all its instances.

use std::collections::HashMap;
use std::sync::Arc;

use astrid_host_context::{Resource, TokenBucket, Uuid};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::echo::Echoes;
use crate::inbound::QUEUE;
use crate::{Error, Inbound, InboundRx, Name, Platform};

/// Endpoints of a capsule, all instances together. The contract's figure: more platforms than any
/// bridge speaks, few enough for an operator to read.
pub static UPLINKS: Resource = Resource { name: "uplink.endpoints", default: 32 };

/// Messages a capsule may bring in in a second; twice as many at once. The contract's figure, above
/// what people write and below what floods a host.
pub static SENDS_PER_SECOND: Resource = Resource { name: "uplink.sends-per-second", default: 100 };

/// What becomes of the messages that an endpoint brings in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// They go to a session of the linked principal, opened if need be.
    Chat,
    /// They go to a session that is open already.
    Interactive,
    /// The endpoint only sends; what it brings in is dropped.
    Notify,
    /// Like chat, with echoes dropped.
    Bridge,
}

impl Profile {
    /// The word of manifest and contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Interactive => "interactive",
            Self::Notify => "notify",
            Self::Bridge => "bridge",
        }
    }
}

/// A registered endpoint. It receives only: nothing is ever sent out through it by the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// What guests know it by.
    pub id: Uuid,
    /// What it is called.
    pub name: Name,
    /// The outside platform.
    pub platform: Platform,
    /// What it is like.
    pub profile: Profile,
}

/// The endpoints of one capsule from its load to its unload.
///
/// A kernel makes one for each load, gives it to every store of the capsule, and takes the messages
/// from the [`InboundRx`]. Another capsule's id is not in it, so it looks like any unknown one.
#[derive(Debug)]
pub struct Uplinks {
    slots: Mutex<Slots>,
    bucket: Mutex<TokenBucket>,
    echoes: Mutex<Echoes>,
    /// `None` once the capsule was unloaded.
    queue: Mutex<Option<mpsc::Sender<Inbound>>>,
}

#[derive(Debug, Default)]
struct Slots {
    by_id: HashMap<Uuid, Arc<Endpoint>>,
    taken: HashMap<(Name, Platform), Taken>,
    ended: bool,
}

#[derive(Debug)]
struct Taken {
    id: Uuid,
    /// By the manifest, so that the guest that registers it again is told its id.
    declared: bool,
}

impl Uplinks {
    /// No endpoints yet, and the kernel's end of the queue.
    #[must_use]
    pub fn new() -> (Arc<Self>, InboundRx) {
        let (queue, rx) = mpsc::channel(QUEUE);
        let queue = Mutex::new(Some(queue));
        let uplinks =
            Self { slots: Mutex::default(), bucket: Mutex::default(), echoes: Mutex::default(), queue };
        (Arc::new(uplinks), InboundRx(rx))
    }

    /// Every endpoint, in no order.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Endpoint>> {
        self.slots.lock().by_id.values().cloned().collect()
    }

    /// Messages that were accepted and wait to be published.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.lock().as_ref().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    /// Registers what a manifest declares. A guest that registers the same name and platform later gets
    /// this id, and the declared profile stays.
    ///
    /// # Errors
    /// It is declared twice, there are [`UPLINKS`] already, or the capsule was unloaded.
    pub fn declare(&self, name: Name, platform: Platform, profile: Profile) -> Result<Uuid, Error> {
        self.insert((name, platform), profile, UPLINKS.default, true)
    }

    /// Ends with the capsule's load: every endpoint is unknown from now on, no message is accepted any
    /// more, and the [`InboundRx`] ends after what is queued.
    pub fn end(&self) {
        *self.slots.lock() = Slots { ended: true, ..Slots::default() };
        *self.queue.lock() = None;
    }

    /// Remembers for five seconds that `text` went out on a session, so that a bridge's echo of it is
    /// dropped. Whoever delivers answers of a session to this capsule calls it.
    pub fn note_outbound(&self, session: &str, text: &str) {
        self.echoes.lock().note(session, text);
    }

    pub(crate) fn is_echo(&self, session: &str, text: &str) -> bool {
        self.echoes.lock().has(session, text)
    }

    pub(crate) fn register(
        &self,
        name: Name,
        platform: Platform,
        profile: Profile,
        limit: u64,
    ) -> Result<Uuid, Error> {
        self.insert((name, platform), profile, limit, false)
    }

    /// Check and insert are one step.
    fn insert(
        &self,
        key: (Name, Platform),
        profile: Profile,
        limit: u64,
        declared: bool,
    ) -> Result<Uuid, Error> {
        let mut slots = self.slots.lock();
        if slots.ended {
            return Err(Error::Unloaded);
        }
        match slots.taken.get(&key) {
            Some(taken) if taken.declared && !declared => return Ok(taken.id),
            Some(_) => return Err(Error::Duplicate),
            None => {}
        }
        if u64::try_from(slots.by_id.len()).is_ok_and(|live| live >= limit) {
            return Err(Error::TooManyUplinks(limit));
        }
        let id = Uuid::from(uuid::Uuid::new_v4());
        let (name, platform) = key.clone();
        slots.taken.insert(key, Taken { id, declared });
        slots.by_id.insert(id, Arc::new(Endpoint { id, name, platform, profile }));
        Ok(id)
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<Arc<Endpoint>> {
        self.slots.lock().by_id.get(&id).cloned()
    }

    pub(crate) fn take_turn(&self, per_second: u64) -> Result<(), Error> {
        if self.bucket.lock().take(per_second) { Ok(()) } else { Err(Error::TooFast(per_second)) }
    }

    /// A place in the queue, so that what is recorded as accepted is queued.
    pub(crate) fn place(&self) -> Result<mpsc::OwnedPermit<Inbound>, Error> {
        let queue = self.queue.lock().clone().ok_or(Error::Unloaded)?;
        queue.try_reserve_owned().map_err(|error| match error {
            TrySendError::Full(_) => Error::QueueFull,
            TrySendError::Closed(_) => Error::Unloaded,
        })
    }
}
