//! The tests of this crate in one program, so that wasmtime is linked once and not once a file.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot set up must fail"
)]

#[macro_use]
#[path = "../common/mod.rs"]
mod common;
mod abi;
mod adapters;
mod guest;
mod input;
mod isolation;
mod output;
mod poll;
mod reuse;
mod splice;
