//! Why a guest is stopped, and how much fuel it has left while it runs.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why the host stopped a guest. Travels out of the store as the error of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The invocation's wall clock ran out.
    Deadline,
    /// A run loop computed through its windows without ever waiting.
    Windows,
    /// The capsule is unloading.
    Cancelled,
    /// The principal's calls were ended.
    Retired,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "deadline exceeded",
            Self::Windows => "run loop exceeded its CPU window budget",
            Self::Cancelled => "cancelled",
            Self::Retired => "the principal's calls were ended",
        })
    }
}

impl std::error::Error for Stop {}

/// The store's fuel as of the guest's last transition to the host, readable while the guest runs.
#[derive(Debug, Default)]
pub(crate) struct FuelGauge(AtomicU64);

impl FuelGauge {
    /// Notes what is left. Compiled code writes its counter back before host functions and before
    /// wasmtime's own yield for fuel, so a reading there is exact; before an epoch yield it may be
    /// older, and the next reading makes up for it.
    pub(crate) fn set(&self, left: u64) {
        self.0.store(left, Ordering::Relaxed);
    }

    pub(super) fn left(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
