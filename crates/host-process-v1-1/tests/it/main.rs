//! The tests of this crate in one program, so that wasmtime is linked once and not once a file.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod abi;
mod common;
mod face;
