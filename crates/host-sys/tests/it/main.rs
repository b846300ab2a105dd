//! The tests of this crate in one program, so that wasmtime is linked once and not once a file.

mod abi;
mod caller;
mod capabilities;
mod clocks;
#[path = "../common/mod.rs"]
mod common;
mod config;
mod log;
mod secrets;
