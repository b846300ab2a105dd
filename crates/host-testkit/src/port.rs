//! A port that stays free until the test has bound it.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Where none of the kernel's own choices lie unless it was told so: for `bind` to port 0 and for the near ends
/// of connections it takes those above.
const LOWEST: u16 = 10_000;
const BELOW: u16 = 32_768;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A TCP port of loopback that nobody listens on, and that the kernel gives nobody who asks for any port: for
/// tests that bind it a moment later, or that want a connection to be refused. One that was merely free a moment
/// ago may be somebody else's by then.
///
/// # Panics
/// All those ports are taken.
#[must_use]
#[expect(clippy::panic, reason = "a test that cannot set up must fail")]
pub fn free_port() -> u16 {
    let span = BELOW - LOWEST;
    // Programs that run side by side begin at different places.
    let start = std::process::id().wrapping_mul(0x9e37_79b9) >> 16;
    for _ in 0..span {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = LOWEST + u16::try_from((start + step) % u32::from(span)).unwrap_or(0);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("every port from {LOWEST} to {BELOW} is taken")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_and_none_that_the_kernel_gives() {
        let ports: std::collections::BTreeSet<_> = (0..50).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 50);
        assert!(ports.iter().all(|port| (LOWEST..BELOW).contains(port)));
    }
}
