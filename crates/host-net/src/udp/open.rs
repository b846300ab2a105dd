//! Every open datagram socket of a kernel, so that it can be taken away with its principal's right to it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use astrid_host_context::Principal;
use parking_lot::Mutex;

use super::Shared;

type Sockets = HashMap<u64, (Principal, Weak<Shared>)>;

/// The sockets of named principals.
#[derive(Default)]
pub(crate) struct Open {
    next: AtomicU64,
    sockets: Mutex<Sockets>,
}

impl Open {
    pub(crate) fn enter(self: &Arc<Self>, who: Option<&Principal>, socket: &Arc<Shared>) -> Option<Seat> {
        let who = who?.clone();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.sockets.lock().insert(number, (who, Arc::downgrade(socket)));
        Some(Seat { open: self.clone(), number })
    }

    /// Closes the sockets of `who`, and says how many there were.
    pub(crate) fn close(&self, who: &Principal) -> usize {
        let picked: Vec<_> = {
            let mut sockets = self.sockets.lock();
            sockets
                .extract_if(|_, (owner, _)| owner == who)
                .filter_map(|(_, (_, one))| one.upgrade())
                .collect()
        };
        picked.iter().for_each(|socket| socket.revoke());
        picked.len()
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").field("sockets", &self.sockets.lock().len()).finish_non_exhaustive()
    }
}

/// A socket's place among them.
pub(crate) struct Seat {
    open: Arc<Open>,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.sockets.lock().remove(&self.number);
    }
}
