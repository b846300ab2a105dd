//! `astrid:process` for wasmtime hosts: child processes, run to their end, owned by an instance, or kept by
//! the host beyond the instance that asked for them.
#![forbid(unsafe_code)]

mod launcher;

pub use launcher::{
    BoxFuture, Command, Control, Exit, Grade, Injection, Launch, LaunchError, Launcher, Limit, Limits, Network,
    Placement, Roots, Running, Signal, Unconfined, Usage, WorkDir,
};
