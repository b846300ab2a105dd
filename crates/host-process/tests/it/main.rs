//! The tests of this crate in one program, so that wasmtime is linked once and not once a file.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up must fail")]

mod abi;
mod background;
mod cancelled;
#[path = "../common/mod.rs"]
mod common;
mod cursors;
mod envelope;
mod events;
mod ids;
mod input;
mod isolation;
mod kept;
mod lifetimes;
mod output;
mod pollables;
mod refusals;
mod stops;
mod sync;
mod the_end;
mod waits;
