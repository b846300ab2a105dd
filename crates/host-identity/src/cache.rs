//! What was looked up a moment ago, and not changed since.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{Account, Found};

/// How long an answer is given again, the contract's figure.
const FRESH: Duration = Duration::from_secs(5);
/// Accounts remembered at most: a few megabytes.
const MOST: usize = 4096;

/// Links, and accounts that have none. Every change forgets all of it, by a number that goes up: an answer counts
/// only while the number is the one that was there before it was read.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    generation: AtomicU64,
    entries: Mutex<HashMap<Account, Entry>>,
}

#[derive(Debug)]
struct Entry {
    found: Option<Arc<Found>>,
    generation: u64,
    until: Instant,
}

impl Entry {
    fn counts(&self, generation: u64, now: Instant) -> bool {
        self.generation == generation && now < self.until
    }
}

impl Cache {
    /// To be taken before a read whose answer is to be kept.
    pub(crate) fn mark(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What is known; the outer `None` is nothing.
    pub(crate) fn get(&self, account: &Account) -> Option<Option<Arc<Found>>> {
        let (generation, now) = (self.mark(), Instant::now());
        let entries = self.entries.lock();
        entries.get(account).filter(|entry| entry.counts(generation, now)).map(|entry| entry.found.clone())
    }

    pub(crate) fn keep(&self, account: Account, mark: u64, found: Option<Arc<Found>>) {
        let (generation, now) = (self.mark(), Instant::now());
        if mark != generation {
            return;
        }
        let mut entries = self.entries.lock();
        if entries.len() >= MOST {
            entries.retain(|_, entry| entry.counts(generation, now));
        }
        if entries.len() < MOST {
            entries.insert(account, Entry { found, generation, until: now + FRESH });
        }
    }

    /// After every change, before anybody hears that it is made.
    pub(crate) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_counts_five_seconds_and_never_one_that_was_read_before_a_change() {
        let (cache, account) = (Cache::default(), Account::parse("chat", "a").unwrap());
        cache.keep(account.clone(), cache.mark(), None);
        tokio::time::advance(Duration::from_millis(4_999)).await;
        assert_eq!(cache.get(&account), Some(None));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(cache.get(&account), None);
        let before = cache.mark();
        cache.keep(account.clone(), before, None);
        cache.forget();
        assert_eq!(cache.get(&account), None);
        cache.keep(account.clone(), before, None);
        assert_eq!(cache.get(&account), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let cache = Cache::default();
        for n in 0..MOST + 10 {
            cache.keep(Account::parse("chat", &n.to_string()).unwrap(), cache.mark(), None);
        }
        assert_eq!(cache.entries.lock().len(), MOST);
        cache.forget();
        cache.keep(Account::parse("chat", "new").unwrap(), cache.mark(), None);
        assert_eq!(cache.entries.lock().len(), 1);
    }
}
