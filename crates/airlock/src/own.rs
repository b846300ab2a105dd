//! The machine's own addresses: public ones of them reach its local services all the same.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How old the list may get. An interface that comes up is blocked after this at the latest.
const MAX_AGE: Duration = Duration::from_secs(30);

type List = Arc<HashSet<IpAddr>>;

/// Knows the addresses of this machine's interfaces, operator key `net.block_own_addresses`.
#[derive(Debug)]
pub struct OwnAddresses {
    watched: bool,
    known: Mutex<Option<(Instant, List)>>,
}

impl OwnAddresses {
    /// The interfaces' addresses, read again when the list is older than 30 seconds.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self { watched: true, known: Mutex::new(None) }
    }

    /// A fixed list; empty where the operator does not want own addresses blocked.
    #[must_use]
    pub fn fixed(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let list = addresses.into_iter().map(|a| a.to_canonical()).collect();
        Self { watched: false, known: Mutex::new(Some((Instant::now(), Arc::new(list)))) }
    }

    /// Whether the address is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.current().contains(&address.to_canonical())
    }

    fn current(&self) -> List {
        let mut known = self.known.lock();
        match &*known {
            Some((at, list)) if !self.watched || at.elapsed() < MAX_AGE => list.clone(),
            old => {
                // A list that cannot be read stays as it was: the last known addresses stay blocked.
                let list = read().or_else(|| old.as_ref().map(|(_, list)| list.clone())).unwrap_or_default();
                *known = Some((Instant::now(), list.clone()));
                list
            }
        }
    }
}

/// A question to the kernel that needs no disk and no peer.
fn read() -> Option<List> {
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => Some(Arc::new(interfaces.iter().map(|i| i.ip().to_canonical()).collect())),
        Err(error) => {
            tracing::warn!(%error, "own interface addresses cannot be read");
            None
        }
    }
}
