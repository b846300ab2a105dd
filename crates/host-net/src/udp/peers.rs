//! Who wrote to a socket, or was written to, a short while ago.

use std::collections::HashMap;
use std::net::SocketAddr;

use tokio::time::Instant;

use crate::limits::{MAX_PEERS, PEER_MEMORY};

/// Peers and when they were last seen; bounded, the longest unseen is forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Peers(HashMap<SocketAddr, Instant>);

impl Peers {
    pub(crate) fn note(&mut self, peer: SocketAddr) {
        let now = Instant::now();
        if self.0.len() >= MAX_PEERS && !self.0.contains_key(&peer) {
            self.0.retain(|_, seen| now.duration_since(*seen) <= PEER_MEMORY);
            if self.0.len() >= MAX_PEERS
                && let Some(oldest) = self.0.iter().min_by_key(|(_, seen)| **seen).map(|(peer, _)| *peer)
            {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(peer, now);
    }

    pub(crate) fn knows(&self, peer: SocketAddr) -> bool {
        self.0.get(&peer).is_some_and(|seen| seen.elapsed() <= PEER_MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_peer_is_forgotten_after_a_minute_and_when_there_are_too_many() {
        let peer = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut peers = Peers::default();
        peers.note(peer(1));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(peers.knows(peer(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!peers.knows(peer(1)));
        for port in 2..3000 {
            peers.note(peer(port));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(peers.0.len(), MAX_PEERS);
        assert!(peers.knows(peer(2999)) && !peers.knows(peer(2)));
    }
}
