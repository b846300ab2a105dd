//! How often a capsule may come, over all its instances.

use std::collections::HashMap;

use astrid_host_context::{CapsuleId, Entry, Resource, TokenBucket};
use parking_lot::Mutex;

use crate::Error;

/// Look-ups and lists of a capsule in a second, twice as many at once. The contract's figure, above what people
/// write and below what makes a list of a platform's accounts.
pub static READS_PER_SECOND: Resource = Resource { name: "identity.reads-per-second", default: 100 };
/// Changes of a capsule in a second, twice as many at once. The contract's figure: each is a write to a disk.
pub static WRITES_PER_SECOND: Resource = Resource { name: "identity.writes-per-second", default: 10 };

/// Capsules looked through for full buckets when there are more than this.
const MANY: usize = 1024;

/// One bucket a capsule for reads, and one for changes.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    reads: Mutex<Buckets>,
    writes: Mutex<Buckets>,
}

type Buckets = HashMap<CapsuleId, TokenBucket>;

impl Rates {
    pub(crate) fn read(&self, entry: &Entry) -> Result<(), Error> {
        take(&self.reads, entry, &READS_PER_SECOND)
    }

    pub(crate) fn write(&self, entry: &Entry) -> Result<(), Error> {
        take(&self.writes, entry, &WRITES_PER_SECOND)
    }
}

fn take(buckets: &Mutex<Buckets>, entry: &Entry, rate: &'static Resource) -> Result<(), Error> {
    let (capsule, per_second) = (entry.call().capsule(), entry.limit(rate));
    let mut buckets = buckets.lock();
    if buckets.len() > MANY {
        buckets.retain(|_, bucket| !bucket.is_full());
    }
    if buckets.entry(capsule.clone()).or_default().take(per_second) {
        Ok(())
    } else {
        Err(Error::TooFast(per_second))
    }
}
