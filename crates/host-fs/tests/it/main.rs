//! The tests of this crate in one program, so that wasmtime is linked once and not once a file.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod abi;
#[path = "../common/calls.rs"]
mod calls;
#[path = "../common/child.rs"]
mod child;
#[path = "../common/mod.rs"]
mod common;
mod contract;
mod contract_overlay;
mod contract_overlay_walk;
mod contract_walk;
mod device;
mod envelope;
mod ignored;
mod isolation;
mod machine;
#[path = "../common/model.rs"]
mod model;
mod overlay;
mod overlay_model;
#[path = "../common/place.rs"]
mod place;
mod race;
mod resolver_model;
mod storage;
#[path = "../common/tampered.rs"]
mod tampered;
mod texts;
mod traps;
#[path = "../common/ways.rs"]
mod ways;
#[path = "../common/workspace.rs"]
mod workspace;
