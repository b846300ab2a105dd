//! Child processes in a sandbox: a [`Launcher`](astrid_host_process::Launcher) for `astrid-host-process`.
//! DOCS
#![deny(unsafe_code)]

mod builder;
pub mod shim;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod raw;
#[cfg(target_os = "linux")]
mod wire;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
use elsewhere as system;

pub use builder::{BuildError, Builder, Isolation, Sandbox};
