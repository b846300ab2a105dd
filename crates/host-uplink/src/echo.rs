//! What the host sent out a moment ago, so that a bridge does not bring it back in.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How long an outbound text is remembered.
const MEMORY: Duration = Duration::from_secs(5);
/// Most texts remembered at once; beyond it the oldest goes.
const CAPACITY: usize = 1024;

/// Hashes of session and text, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Echoes(VecDeque<(Instant, blake3::Hash)>);

impl Echoes {
    pub(crate) fn note(&mut self, session: &str, text: &str) {
        self.forget();
        if self.0.len() >= CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back((Instant::now(), key(session, text)));
    }

    pub(crate) fn has(&mut self, session: &str, text: &str) -> bool {
        self.forget();
        let key = key(session, text);
        self.0.iter().any(|(_, known)| *known == key)
    }

    fn forget(&mut self) {
        let now = Instant::now();
        while self.0.front().is_some_and(|(at, _)| now.duration_since(*at) >= MEMORY) {
            self.0.pop_front();
        }
    }
}

fn key(session: &str, text: &str) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(session.as_bytes()).update(b"\x1f").update(text.as_bytes());
    hasher.finalize()
}
