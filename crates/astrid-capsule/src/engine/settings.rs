//! Engine settings, each with its reason.

use wasmtime::{InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::config::Config;

/// A component instance of the ABI holds one Rust module and its adapters; these bounds are wide
/// for that and small enough to reserve (engines chapter §2).
const INSTANCES: u32 = 1000;
const CORE_INSTANCES: u32 = 4000;
const MEMORIES: u32 = 2000;
const TABLES: u32 = 4000;
const CORE_INSTANCES_EACH: u32 = 32;
const MEMORIES_EACH: u32 = 8;
const TABLES_EACH: u32 = 32;
const WASM_PAGE: u64 = 64 << 10;
/// Memory that stays mapped in a slot between instances: enough for a small guest's stack and
/// statics, so that a warm start touches no new pages, and small enough that 1,000 slots stay cheap.
const KEEP_RESIDENT: usize = 128 << 10;

fn base() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .wasm_component_model(true)
        // Budgets per invocation and per second, and a wall clock that also stops a spinning loop.
        .consume_fuel(true)
        .epoch_interruption(true)
        // Two guests of one store never run side by side, so shared memory has no use but attacks.
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(true)
        .memory_init_cow(true)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32));
    config
}

pub(super) fn on_demand() -> wasmtime::Config {
    base()
}

pub(super) fn pooling(config: &Config) -> wasmtime::Config {
    let memory = config.max_memory_bytes.max(64 << 20).next_multiple_of(WASM_PAGE);
    let memory = usize::try_from(memory).unwrap_or(usize::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES)
        .total_core_instances(CORE_INSTANCES)
        .total_memories(MEMORIES)
        .total_tables(TABLES)
        .total_stacks(INSTANCES)
        .max_core_instances_per_component(CORE_INSTANCES_EACH)
        .max_memories_per_component(MEMORIES_EACH)
        .max_tables_per_component(TABLES_EACH)
        .max_memory_size(memory)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT);
    let mut settings = base();
    settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    settings
}
