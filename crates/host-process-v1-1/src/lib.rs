//! `astrid:process@1.1.0` for wasmtime hosts: bindings and conversion. State, view and behaviour are those of
//! `astrid_host_process`, so a kernel links both versions over the one it has, and ids and limits are shared:
//!
//! ```
//! use astrid_host_process::ProcessView;
//! use wasmtime::component::Linker;
//!
//! fn link<T: ProcessView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
//!     astrid_host_process::add_to_linker(linker)?;
//!     astrid_host_process_v1_1::add_to_linker(linker)
//! }
//! ```
#![forbid(unsafe_code)]

pub mod v1_1;

use astrid_host_process::{Process, ProcessView};
use wasmtime::component::Linker;

/// Links every function of `astrid:process@1.1.0`, and nothing else.
///
/// # Errors
/// A name is already linked.
pub fn add_to_linker<T: ProcessView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_1::astrid::process::host::add_to_linker::<T, Process>(linker, T::process)
}
