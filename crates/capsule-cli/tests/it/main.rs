//! The tests of this crate in one program, so that wasmtime is linked once and not once a file.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod allowance;
mod bad_input;
mod build;
mod build_guest;
mod check;
mod control;
mod examples;
mod inspect;
mod install;
mod install_prompt;
mod new;
mod overlay;
mod process;
mod prompt;
mod run;
#[path = "../support/mod.rs"]
mod support;
mod usage;
mod user;
