//! The tests of this crate in one program, so that wasmtime is linked once and not once a file.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod abi;
mod bytes;
#[path = "../common/client.rs"]
mod client;
#[path = "../common/mod.rs"]
mod common;
mod connect;
mod frames;
mod halves;
mod hostile;
mod listeners;
mod options;
mod udp;
mod unix;
