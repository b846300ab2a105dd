//! Marks a host wait leaves behind for the CPU watchdog and the loop guard.

use std::sync::atomic::{AtomicBool, Ordering};

/// What a store's guest has done since somebody last looked. One per store, shared with its watchdog.
#[derive(Debug, Default)]
pub struct Progress {
    called: AtomicBool,
    yielded: AtomicBool,
    waited_outside: AtomicBool,
}

impl Progress {
    /// Notes that the guest called the host at all; a `run` export that never does is a placeholder.
    pub fn mark_called(&self) {
        self.called.store(true, Ordering::Relaxed);
    }

    /// Notes a wait that counts as cooperative: the watchdog starts its windows anew.
    pub fn mark_yielded(&self) {
        self.yielded.store(true, Ordering::Relaxed);
    }

    /// Notes a wait for something other than the bus, which ends a chain of publications (ipc chapter §3.6).
    pub fn mark_waited_outside(&self) {
        self.waited_outside.store(true, Ordering::Relaxed);
    }

    /// True once the guest called any host function.
    #[must_use]
    pub fn has_called(&self) -> bool {
        self.called.load(Ordering::Relaxed)
    }

    /// Reads and clears the cooperative mark; the watchdog's question at the end of a window.
    pub fn take_yielded(&self) -> bool {
        self.yielded.swap(false, Ordering::Relaxed)
    }

    /// True if the running invocation waited for something outside the bus.
    #[must_use]
    pub fn has_waited_outside(&self) -> bool {
        self.waited_outside.load(Ordering::Relaxed)
    }

    /// Forgets the marks of one invocation before the next begins. The watchdog's mark stays: its
    /// windows belong to the store and not to a call.
    pub fn begin_invocation(&self) {
        self.waited_outside.store(false, Ordering::Relaxed);
    }
}
