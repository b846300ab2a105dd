//! The tests of this crate in one program, so that wasmtime is linked once and not once a file.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod abi;
#[path = "../common/mod.rs"]
mod common;
mod contract;
mod envelope;
mod guest;
mod isolation;
mod staged;
mod staged_model;
mod view;
