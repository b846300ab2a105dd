//! `astrid:io@1.0.0` for wasmtime hosts: readiness, byte streams and typed errors.
//!
//! Every other host crate that hands a guest something to wait for or to stream builds on this one:
//! it implements [`Readiness`], [`HostInput`] or [`HostOutput`] (or takes an adapter from
//! [`adapters`]) and pushes the result with [`IoTable`]. The contract's rules (permits, one-time
//! failures, cancellation, splicing without loss, quotas, audit) are kept here, once.

pub mod adapters;
pub mod error;
pub mod limits;
pub mod v1_0;

mod cause;
mod ctx;
mod drain;
mod input;
mod op_table;
mod ops;
mod output;
mod pollable;
mod readiness;
mod table;

pub use cause::{IoError, Phrase, Stopped, StreamFailure};
pub use ctx::{Io, IoCtx, IoCtxBuilder, IoCtxView, IoView};
pub use error::Error;
pub use input::{HostInput, InputStream};
pub use output::{HostOutput, OutputStream};
pub use pollable::Pollable;
pub use readiness::{Readiness, ReadyState, readiness_fn};
pub use table::IoTable;

use wasmtime::component::Linker;

/// Adds the three interfaces of `astrid:io@1.0.0`, and nothing else.
///
/// # Errors
/// One of the names is already in the linker.
pub fn add_to_linker<T: IoView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use v1_0::astrid::io::{error, poll, streams};
    error::add_to_linker::<T, Io>(linker, T::io)?;
    poll::add_to_linker::<T, Io>(linker, T::io)?;
    streams::add_to_linker::<T, Io>(linker, T::io)
}
