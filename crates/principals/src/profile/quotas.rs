//! How much of each thing a principal may use.

use std::time::Duration;

use crate::problem::Problem;
use crate::section::Section;

const MEMORY: std::ops::RangeInclusive<u64> = (64 << 10)..=(4 << 30);

/// The `[quotas]` of a profile, in the units of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Linear memory of one instance, in bytes.
    pub max_memory_bytes: u64,
    /// Wall clock of one invocation, in seconds.
    pub max_timeout_secs: u64,
    /// Payload bytes published in a second through one capsule.
    pub max_ipc_throughput_bytes: u64,
    /// Children running at once, over all capsules.
    pub max_background_processes: u64,
    /// Stored bytes: keys and values, home and tmp together.
    pub max_storage_bytes: u64,
    /// Fuel burnt in a second, over all capsules.
    pub max_cpu_fuel_per_sec: u64,
    /// Handlers computing at once, over all capsules.
    pub max_in_flight_calls: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            max_memory_bytes: 64 << 20,
            max_timeout_secs: 300,
            max_ipc_throughput_bytes: 10 << 20,
            max_background_processes: 8,
            max_storage_bytes: 1 << 30,
            max_cpu_fuel_per_sec: 2_000_000_000,
            max_in_flight_calls: 4,
        }
    }
}

impl Quotas {
    /// The wall clock of one invocation.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.max_timeout_secs)
    }

    pub(super) fn read(mut table: Section, defaults: Self) -> Result<Self, Problem> {
        let at_least_one = 1..=u64::MAX;
        let d = defaults;
        let fuel = table.number("max_cpu_fuel_per_sec", d.max_cpu_fuel_per_sec, 0..=u64::MAX)?;
        let quotas = Self {
            max_memory_bytes: table.number("max_memory_bytes", d.max_memory_bytes, MEMORY)?,
            max_timeout_secs: table.number("max_timeout_secs", d.max_timeout_secs, 1..=86_400)?,
            max_ipc_throughput_bytes: table.number(
                "max_ipc_throughput_bytes",
                d.max_ipc_throughput_bytes,
                at_least_one,
            )?,
            max_background_processes: table.number(
                "max_background_processes",
                d.max_background_processes,
                0..=256,
            )?,
            max_storage_bytes: table.number("max_storage_bytes", d.max_storage_bytes, 0..=u64::MAX)?,
            // Old profiles wrote 0 for "whatever the host gives".
            max_cpu_fuel_per_sec: if fuel == 0 { d.max_cpu_fuel_per_sec } else { fuel },
            max_in_flight_calls: table.number("max_in_flight_calls", d.max_in_flight_calls, 1..=64)?,
        };
        table.finish()?;
        Ok(quotas)
    }
}
