//! Every open exchange of a client, so that it can be cut when its principal may not have it any more.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use astrid_host_context::Principal;
use parking_lot::Mutex;

/// Something with a connection to give up.
pub(crate) trait Cut: Send + Sync {
    /// Gives it up. Whoever waits for it is told; nothing is done by the caller's thread but that.
    fn cut(&self);
}

type Open = HashMap<u64, (Principal, Weak<dyn Cut>)>;

/// The streams and uploads of named principals. The tokens of calls do not reach all of them: a run loop
/// keeps a stream from one principal's message while it serves the next one's.
#[derive(Default)]
pub(crate) struct OpenExchanges {
    next: AtomicU64,
    open: Mutex<Open>,
}

impl OpenExchanges {
    pub(crate) fn enter(self: &Arc<Self>, who: Principal, exchange: &Arc<impl Cut + 'static>) -> Seat {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let exchange: Arc<dyn Cut> = exchange.clone();
        self.open.lock().insert(number, (who, Arc::downgrade(&exchange)));
        Seat { exchanges: self.clone(), number }
    }

    /// Cuts what `who` has open, and says how much that was.
    pub(crate) fn cut(&self, who: &Principal) -> usize {
        let cut: Vec<_> = {
            let mut open = self.open.lock();
            open.extract_if(|_, (owner, _)| owner == who).filter_map(|(_, (_, one))| one.upgrade()).collect()
        };
        cut.iter().for_each(|exchange| exchange.cut());
        cut.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.open.lock().len()
    }
}

impl fmt::Debug for OpenExchanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenExchanges").field("open", &self.len()).finish_non_exhaustive()
    }
}

/// A place among them.
#[derive(Debug)]
pub(crate) struct Seat {
    exchanges: Arc<OpenExchanges>,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.exchanges.open.lock().remove(&self.number);
    }
}
