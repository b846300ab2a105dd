//! Installing, upgrading and removing capsules on a disk.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

#[path = "../support/mod.rs"]
mod support;

mod archive;
mod contents;
mod crash;
mod meta;
mod plan;
mod transaction;
mod uninstall;
