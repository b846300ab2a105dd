//! How fast one principal may publish through one capsule: two leaky buckets, exact to the byte.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::time::Duration;

use astrid_host_context::Uuid;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::Lane;

/// A bucket nobody touched for this long is dropped; it has long been full again.
const IDLE: Duration = Duration::from_secs(60);
/// Buckets kept at once, so that a flood of names cannot fill memory; beyond it the oldest idle goes.
const MAX_BUCKETS: usize = 100_000;
/// Publishers of different principals rarely meet in a shard.
const SHARDS: usize = 16;
/// Buckets looked at for idleness in each charge, which keeps clean-up constant-time.
const SWEEP: usize = 2;

/// A rate is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateExceeded {
    /// The payload does not fit what is left of this second's bytes.
    #[error("publish throughput is limited to {0} bytes a second")]
    Bytes(u64),
    /// The message does not fit what is left of this second's messages.
    #[error("publish rate is limited to {0} messages a second")]
    Messages(u64),
}

/// What one publisher may do in a second; also the most it may do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Payload bytes.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
}

/// All buckets of a bus, by (capsule session, lane). Uses tokio's clock.
#[derive(Debug)]
pub struct RateBuckets {
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
}

impl Default for RateBuckets {
    fn default() -> Self {
        Self::with_capacity(MAX_BUCKETS)
    }
}

impl RateBuckets {
    /// Room for this many buckets, shared evenly among 16 shards.
    #[must_use]
    pub fn with_capacity(buckets: usize) -> Self {
        let capacity = buckets.div_ceil(SHARDS).max(1);
        let shard = || Mutex::new(Shard { capacity, ..Shard::default() });
        Self { hasher: RandomState::new(), shards: std::iter::repeat_with(shard).take(SHARDS).collect() }
    }

    /// Charges one message of `bytes`, against limits as they are now.
    ///
    /// # Errors
    /// [`RateExceeded`], and nothing is charged to either bucket.
    pub fn charge(&self, capsule: Uuid, lane: &Lane, bytes: u64, limits: Rates) -> Result<(), RateExceeded> {
        let key = (capsule, lane.clone());
        let index = self.hasher.hash_one(&key) % u64::try_from(SHARDS).unwrap_or(1);
        match self.shards.get(usize::try_from(index).unwrap_or(0)) {
            Some(shard) => shard.lock().charge(key, bytes, limits, Instant::now()),
            None => Ok(()),
        }
    }

    /// What a lane used of its bytes lately, over all publishers, each refilled at `per_second`. Looks at
    /// every bucket: for operators, not for publications.
    #[must_use]
    pub fn used(&self, lane: &Lane, per_second: u64) -> u64 {
        let now = Instant::now();
        let of_shard = |shard: &Mutex<Shard>| {
            let shard = shard.lock();
            let own = shard.buckets.iter().filter(|((_, of), _)| of == lane);
            let used = own.map(|(_, bucket)| bucket.used(per_second, now));
            used.fold(0, u64::saturating_add)
        };
        self.shards.iter().map(of_shard).fold(0, u64::saturating_add)
    }

    /// How many buckets are kept now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().buckets.len()).sum()
    }

    /// True if nobody published lately.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

type Key = (Uuid, Lane);

#[derive(Debug, Default)]
struct Shard {
    buckets: HashMap<Key, Bucket>,
    /// Every bucket once, with the time it was last looked at here; the front is due first.
    ring: VecDeque<(Key, Instant)>,
    capacity: usize,
}

#[derive(Debug)]
struct Bucket {
    bytes: Debt,
    messages: Debt,
    touched: Instant,
}

impl Bucket {
    fn used(&self, per_second: u64, now: Instant) -> u64 {
        let mut bytes = self.bytes;
        bytes.repay(now.saturating_duration_since(self.touched), per_second);
        u64::try_from(bytes.0.div_ceil(SECOND)).unwrap_or(u64::MAX)
    }
}

impl Shard {
    fn charge(&mut self, key: Key, bytes: u64, limits: Rates, now: Instant) -> Result<(), RateExceeded> {
        self.sweep(now);
        if !self.buckets.contains_key(&key) {
            self.make_room();
            self.ring.push_back((key.clone(), now));
        }
        let bucket = self.buckets.entry(key).or_insert_with(|| Bucket {
            bytes: Debt::default(),
            messages: Debt::default(),
            touched: now,
        });
        let since = now.saturating_duration_since(bucket.touched);
        bucket.touched = now;
        bucket.bytes.repay(since, limits.bytes);
        bucket.messages.repay(since, limits.messages);
        let more_bytes = bucket.bytes.with(bytes, limits.bytes);
        let more_messages = bucket.messages.with(1, limits.messages);
        bucket.bytes = more_bytes.ok_or(RateExceeded::Bytes(limits.bytes))?;
        bucket.messages = match more_messages {
            Some(debt) => debt,
            None => {
                bucket.bytes.forgive(bytes);
                return Err(RateExceeded::Messages(limits.messages));
            }
        };
        Ok(())
    }

    fn sweep(&mut self, now: Instant) {
        for _ in 0..SWEEP {
            match self.ring.front() {
                Some((_, seen)) if now.saturating_duration_since(*seen) >= IDLE => {}
                _ => return,
            }
            self.retire_front(|bucket, _| now.saturating_duration_since(bucket.touched) >= IDLE);
        }
    }

    fn make_room(&mut self) {
        // Each step drops a bucket or brings its time up to date, so twice the ring is enough.
        for _ in 0..=self.ring.len() * 2 {
            if self.buckets.len() < self.capacity {
                return;
            }
            self.retire_front(|bucket, seen| bucket.touched <= seen);
        }
    }

    /// Takes the ring's front: drops its bucket if `idle` says so, else sends it to the back.
    fn retire_front(&mut self, idle: impl Fn(&Bucket, Instant) -> bool) {
        let Some((key, seen)) = self.ring.pop_front() else { return };
        match self.buckets.get(&key) {
            Some(bucket) if !idle(bucket, seen) => self.ring.push_back((key, bucket.touched)),
            _ => {
                self.buckets.remove(&key);
            }
        }
    }
}

/// What is owed, in units times nanoseconds: integers that refill without rounding.
#[derive(Debug, Clone, Copy, Default)]
struct Debt(u128);

const SECOND: u128 = 1_000_000_000;

impl Debt {
    fn repay(&mut self, since: Duration, rate: u64) {
        self.0 = self.0.saturating_sub(since.as_nanos().saturating_mul(u128::from(rate)));
    }

    fn with(self, units: u64, rate: u64) -> Option<Self> {
        let debt = self.0 + u128::from(units) * SECOND;
        (debt <= u128::from(rate) * SECOND).then_some(Self(debt))
    }

    fn forgive(&mut self, units: u64) {
        self.0 = self.0.saturating_sub(u128::from(units) * SECOND);
    }
}

#[cfg(test)]
#[path = "rate_tests.rs"]
mod tests;
