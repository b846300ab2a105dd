//! The operating system's resolver.

use std::net::ToSocketAddrs;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{Resolution, Resolver, Unresolvable};

/// Lookups the system works on at once. They occupy threads of tokio's blocking pool, which disk work
/// shares, and a dead name server holds each for many seconds.
const AT_ONCE: usize = 16;

/// Addresses kept of one answer; a longer list is a mistake or an attack.
const KEPT: usize = 64;

/// Asks the operating system: hosts file, configured name servers and its caches.
#[derive(Debug, Clone)]
pub struct SystemResolver {
    threads: Arc<Semaphore>,
}

impl SystemResolver {
    /// A resolver with its own share of the blocking pool.
    #[must_use]
    pub fn new() -> Self {
        Self { threads: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolution<'a> {
        Box::pin(async move {
            let permit = self.threads.clone().acquire_owned().await.map_err(|_| Unresolvable)?;
            let name = name.to_owned();
            let lookup = tokio::task::spawn_blocking(move || {
                // Held by the thread: a caller that gave up does not make room for another lookup.
                let _permit = permit;
                (name.as_str(), 0).to_socket_addrs().map(|found| {
                    let mut addresses = Vec::new();
                    for address in found.map(|a| a.ip()).take(KEPT) {
                        if !addresses.contains(&address) {
                            addresses.push(address);
                        }
                    }
                    addresses
                })
            });
            match lookup.await {
                Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
                _ => Err(Unresolvable),
            }
        })
    }
}
