//! The keys of `[kv]`.

use std::ops::RangeInclusive;

use astrid_store_redb::Durability;

use super::{Entry, Takes, word};
use crate::Config;

const fn kv(key: &'static str, range: RangeInclusive<i64>, set: fn(&mut Config, u64)) -> Entry {
    Entry { section: "kv", key, takes: Takes::Number(range, set) }
}

/// More memory than any machine has would be no bound.
const CACHE: RangeInclusive<i64> = 0..=1 << 40;

pub(super) static ENTRIES: &[Entry] = &[
    word("kv", "durability", &["flushed", "relaxed"], |config, n| {
        config.kv.durability = if n == 0 { Durability::Flushed } else { Durability::Relaxed };
    }),
    kv("cache_bytes", CACHE, |config, n| config.kv.cache_bytes = n),
    kv("row_cache_bytes", CACHE, |config, n| config.kv.row_cache_bytes = n),
    kv("max_namespace_bytes", 1..=1 << 40, |config, n| config.kv_max_namespace_bytes = n),
    // Clearing a namespace is one step, whose cost this bounds.
    kv("max_namespace_keys", 1..=1 << 24, |config, n| config.kv_max_namespace_keys = n),
];
