//! The tests of this crate in one program, so that wasmtime is linked once and not once a file.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up must fail")]

mod abi;
#[path = "../common/mod.rs"]
mod common;
mod concurrency;
mod contract;
mod envelope;
mod gate;
mod isolation;
mod links;
mod protection;
mod store;
mod users;
