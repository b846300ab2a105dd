//! Addresses that could not be connected to a moment ago.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a failure counts (net chapter §4).
const MEMORY: Duration = Duration::from_secs(1);

/// Addresses remembered at once; past them the storm has many targets and none of them feels it.
const MOST: usize = 1024;

/// What came of connecting to an address, for a second. One a capsule, so that none learns what
/// another tried.
#[derive(Debug, Default)]
pub struct RecentFailures(Mutex<HashMap<SocketAddr, Failure>>);

#[derive(Debug, Clone, Copy)]
struct Failure {
    at: Instant,
    kind: io::ErrorKind,
    code: Option<i32>,
}

impl RecentFailures {
    /// Nothing failed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The failure of the last second, as it was told then.
    pub(crate) fn of(&self, address: SocketAddr) -> Option<io::Error> {
        let failure = self.0.lock().get(&address).copied().filter(Failure::is_fresh)?;
        Some(failure.code.map_or_else(|| failure.kind.into(), io::Error::from_raw_os_error))
    }

    pub(crate) fn note(&self, address: SocketAddr, error: &io::Error) {
        let mut failures = self.0.lock();
        failures.retain(|_, failure| failure.is_fresh());
        if failures.len() < MOST {
            let failure = Failure { at: Instant::now(), kind: error.kind(), code: error.raw_os_error() };
            failures.insert(address, failure);
        }
    }
}

impl Failure {
    fn is_fresh(&self) -> bool {
        self.at.elapsed() < MEMORY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failure_counts_for_a_second_and_for_its_address() {
        let recent = RecentFailures::new();
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        recent.note(at(1), &io::Error::from_raw_os_error(111));
        recent.note(at(2), &io::ErrorKind::NetworkUnreachable.into());
        assert_eq!(recent.of(at(1)).unwrap().raw_os_error(), Some(111));
        assert_eq!(recent.of(at(2)).unwrap().kind(), io::ErrorKind::NetworkUnreachable);
        assert!(recent.of(at(3)).is_none());
        tokio::time::advance(MEMORY).await;
        assert!(recent.of(at(1)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_addresses_is_forgotten_and_not_kept() {
        let recent = RecentFailures::new();
        for port in 1..=5000 {
            recent.note(SocketAddr::from(([127, 0, 0, 1], port)), &io::ErrorKind::ConnectionRefused.into());
        }
        assert_eq!(recent.0.lock().len(), MOST);
    }
}
