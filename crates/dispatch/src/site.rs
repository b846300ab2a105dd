//! Where a call is right now: in guest code, or out of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

tokio::task_local! {
    static SITE: Arc<Site>;
}

/// Notes that guest code runs from here on. For the engine's hook on every transition; outside a
/// dispatched call it does nothing.
pub fn guest_entered() {
    let _ = SITE.try_with(|site| site.inside.store(true, Ordering::Relaxed));
}

/// Notes that guest code stopped running: it called the host, or came to an end.
pub fn guest_left() {
    let _ = SITE.try_with(|site| {
        site.inside.store(false, Ordering::Relaxed);
        site.waits.fetch_add(1, Ordering::Relaxed);
    });
}

/// Awaits `work` on the host's side, wherever the call is: for a guest that is made to pause in the
/// middle of its code.
pub async fn waiting<T>(work: impl Future<Output = T>) -> T {
    let was_inside = SITE.try_with(|site| site.inside.load(Ordering::Relaxed)).unwrap_or(false);
    guest_left();
    let done = work.await;
    if was_inside {
        guest_entered();
    }
    done
}

/// One call's whereabouts. A call starts outside: admission and the wait for an instance are waits.
#[derive(Debug, Default)]
pub(crate) struct Site {
    inside: AtomicBool,
    waits: AtomicU64,
}

impl Site {
    /// The number of the host wait the call is in; `None` while the guest computes.
    pub(crate) fn waiting(&self) -> Option<u64> {
        (!self.inside.load(Ordering::Relaxed)).then(|| self.waits.load(Ordering::Relaxed))
    }

    pub(crate) fn within<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        SITE.sync_scope(self.clone(), work)
    }
}
