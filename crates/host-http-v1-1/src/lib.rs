//! `astrid:http@1.1.0` for wasmtime hosts: bindings and conversion. State, view and behaviour are
//! those of `astrid_host_http`, so a kernel links both versions over the one it has:
//!
//! ```
//! use astrid_host_http::HttpView;
//! use wasmtime::component::Linker;
//!
//! fn link<T: HttpView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
//!     astrid_host_http::add_to_linker(linker)?;
//!     astrid_host_http_v1_1::add_to_linker(linker)
//! }
//! ```
#![forbid(unsafe_code)]

pub mod v1_1;

use astrid_host_http::{Http, HttpView};
use wasmtime::component::Linker;

/// Links every function of `astrid:http@1.1.0`, and nothing else.
///
/// # Errors
/// A name is already linked.
pub fn add_to_linker<T: HttpView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_1::astrid::http::host::add_to_linker::<T, Http>(linker, T::http)
}
