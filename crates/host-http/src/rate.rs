//! How often a principal may ask through a capsule, and how many streams a capsule may hold.

use std::collections::HashMap;
use std::sync::Arc;

use astrid_host_context::{CapsuleId, Scope};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Error;

/// Buckets looked through for full ones when there are this many more than at the last look.
const SWEEP: usize = 1024;

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// A bucket of requests per (capsule, principal), refilled steadily, twice a second's worth at most.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    buckets: Mutex<HashMap<Scope, Bucket>>,
}

impl Rates {
    pub(crate) fn take(&self, scope: &Scope, per_second: u64) -> Result<(), Error> {
        let now = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "rates are small numbers")]
        let rate = per_second as f64;
        let burst = rate * 2.0;
        let level = |b: &Bucket| (b.tokens + now.duration_since(b.at).as_secs_f64() * rate).min(burst);
        let mut buckets = self.buckets.lock();
        if buckets.len() >= SWEEP {
            buckets.retain(|_, bucket| level(bucket) < burst);
        }
        let tokens = buckets.get(scope).map_or(burst, level);
        if tokens < 1.0 {
            return Err(Error::Rate(per_second));
        }
        buckets.insert(scope.clone(), Bucket { tokens: tokens - 1.0, at: now });
        Ok(())
    }
}

/// Streams and uploads of each capsule, over all principals.
#[derive(Debug, Clone, Default)]
pub(crate) struct CapsuleSlots(Arc<Mutex<HashMap<CapsuleId, usize>>>);

/// One of them, given back when dropped.
#[derive(Debug)]
pub(crate) struct CapsuleSlot {
    all: CapsuleSlots,
    capsule: CapsuleId,
}

impl CapsuleSlots {
    pub(crate) fn take(&self, capsule: &CapsuleId, limit: usize) -> Option<CapsuleSlot> {
        let mut slots = self.0.lock();
        let held = slots.entry(capsule.clone()).or_default();
        if *held >= limit {
            return None;
        }
        *held += 1;
        Some(CapsuleSlot { all: self.clone(), capsule: capsule.clone() })
    }
}

impl Drop for CapsuleSlot {
    fn drop(&mut self) {
        let mut slots = self.all.0.lock();
        if let Some(held) = slots.get_mut(&self.capsule) {
            *held -= 1;
            if *held == 0 {
                slots.remove(&self.capsule);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_host_context::Principal;
    use std::time::Duration;

    fn scope(name: &str) -> Scope {
        Scope { principal: Some(Principal::parse(name).unwrap()), capsule: CapsuleId::parse("c").unwrap() }
    }

    // http case 46
    #[tokio::test(start_paused = true)]
    async fn two_hundred_at_once_then_one_every_ten_milliseconds() {
        let rates = Rates::default();
        let alice = scope("alice");
        assert!((0..200).all(|_| rates.take(&alice, 100).is_ok()));
        assert!(rates.take(&alice, 100).is_err());
        assert!(rates.take(&scope("bob"), 100).is_ok());
        tokio::time::advance(Duration::from_millis(10)).await;
        assert!(rates.take(&alice, 100).is_ok());
        assert!(rates.take(&alice, 100).is_err());
    }

    #[test]
    fn a_capsules_slots_come_back() {
        let slots = CapsuleSlots::default();
        let capsule = CapsuleId::parse("c").unwrap();
        let one = slots.take(&capsule, 1);
        assert!(one.is_some() && slots.take(&capsule, 1).is_none());
        drop(one);
        assert!(slots.take(&capsule, 1).is_some());
    }
}
