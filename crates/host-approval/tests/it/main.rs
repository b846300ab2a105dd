//! The tests of this crate in one program, so that wasmtime is linked once and not once a file.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up must fail")]

mod abi;
#[path = "../common/mod.rs"]
mod common;
mod ends;
mod envelope;
mod isolation;
mod limits;
mod matching;
mod remembered;
mod texts;
