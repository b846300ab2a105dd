//! The engine that runs a capsule's component.

mod engine;
mod epoch;
mod hook;
mod invoke;
mod meter;
mod number;
mod run_loop;
mod state;
mod store;
mod trap;
mod traps;

pub(crate) use engine::{Parts, WasmEngine};
pub(crate) use hook::HookCall;
pub(crate) use meter::MemoryStats;
pub(crate) use run_loop::RunSettings;
pub(crate) use state::{Domains, HostState};
pub(crate) use store::Template;
