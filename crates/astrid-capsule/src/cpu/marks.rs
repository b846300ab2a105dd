//! What epoch callback, call hook and metering tell one another about one store.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why the host stopped a guest. Travels out of the store as the error of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The invocation's wall clock ran out.
    Deadline,
    /// The invocation's fuel ran out.
    Fuel,
    /// A run loop computed through its windows without ever waiting.
    Windows,
    /// The capsule is unloading, or the principal's calls were ended.
    Cancelled,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "deadline exceeded",
            Self::Fuel => "out of fuel",
            Self::Windows => "run loop exceeded its CPU window budget",
            Self::Cancelled => "cancelled",
        })
    }
}

impl std::error::Error for Stop {}

/// Set from inside the store, read by the future that drives it.
#[derive(Debug, Default)]
pub(crate) struct CpuMarks {
    in_host: AtomicBool,
    epoch_yield: AtomicBool,
}

impl CpuMarks {
    /// The guest entered (or left) a host function: what pends now is a wait and not computation.
    pub(crate) fn set_in_host(&self, inside: bool) {
        self.in_host.store(inside, Ordering::Relaxed);
    }

    /// The next pending comes from the epoch and not from fuel.
    pub(crate) fn mark_epoch_yield(&self) {
        self.epoch_yield.store(true, Ordering::Relaxed);
    }

    /// Whether a pending that was just seen means that one fuel interval was burnt.
    pub(super) fn pending_is_fuel(&self) -> bool {
        !self.epoch_yield.swap(false, Ordering::Relaxed) && !self.in_host.load(Ordering::Relaxed)
    }
}
