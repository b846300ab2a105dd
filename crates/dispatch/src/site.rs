//! Where a call is right now: in guest code, or out of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

tokio::task_local! {
    static SITE: Arc<Site>;
}

/// Notes that guest code runs from here on. For the engine's hook on every transition; outside a
/// dispatched call it does nothing.
pub fn guest_entered() {
    let _ = SITE.try_with(|site| site.entered());
}

/// Notes that guest code stopped running: it called the host, or came to an end.
pub fn guest_left() {
    let _ = SITE.try_with(|site| site.left());
}

/// Where the running call notes what [`guest_entered`] and [`guest_left`] do, looked up once for all its
/// transitions. The default is outside a dispatched call.
#[derive(Debug, Clone, Default)]
pub struct Whereabouts(Option<Arc<Site>>);

impl Whereabouts {
    /// Those of the call that is being polled.
    #[must_use]
    pub fn here() -> Self {
        Self(SITE.try_with(Arc::clone).ok())
    }

    /// See [`guest_entered`].
    pub fn guest_entered(&self) {
        if let Some(site) = &self.0 {
            site.entered();
        }
    }

    /// See [`guest_left`].
    pub fn guest_left(&self) {
        if let Some(site) = &self.0 {
            site.left();
        }
    }
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
    fn entered(&self) {
        self.inside.store(true, Ordering::Relaxed);
    }

    fn left(&self) {
        self.inside.store(false, Ordering::Relaxed);
        self.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of the host wait the call is in; `None` while the guest computes.
    pub(crate) fn waiting(&self) -> Option<u64> {
        (!self.inside.load(Ordering::Relaxed)).then(|| self.waits.load(Ordering::Relaxed))
    }

    pub(crate) fn within<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        SITE.sync_scope(self.clone(), work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_through_whereabouts_is_noted_of_the_call_they_were_taken_in() {
        let site = Arc::new(Site::default());
        let here = site.within(Whereabouts::here);
        here.guest_entered();
        assert_eq!(site.waiting(), None);
        here.guest_left();
        assert_eq!(site.waiting(), Some(1));
        site.within(guest_entered);
        assert_eq!(site.waiting(), None);
        let outside = Whereabouts::here();
        outside.guest_left();
        assert_eq!(site.waiting(), None, "outside a dispatched call nothing is noted");
    }
}
