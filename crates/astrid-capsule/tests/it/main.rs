//! The tests of this crate in one program, so that wasmtime is linked once and not once a file.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod approval;
mod authority;
mod boot;
mod cache;
mod coverage;
mod cron;
mod dispatch;
mod fixtures;
mod grants;
mod guest_contract;
mod health;
mod hooks;
mod identity;
mod install;
mod invoke;
mod ipc_guest;
mod kv_crash;
mod kv_guest;
mod load;
mod local_clients;
mod network;
mod operator;
mod principals;
mod profiles;
mod revocation;
mod run_loop;
mod sticky;
#[path = "../support/mod.rs"]
mod support;
mod unload;
mod uplinks;
mod views;
mod workspaces;
