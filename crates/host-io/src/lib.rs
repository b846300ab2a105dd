//! `astrid:io@1.0.0` for wasmtime hosts: readiness, byte streams and typed errors.
//!
//! Every other host crate that hands a guest something to wait for or to stream builds on this one:
//! it implements [`Readiness`], [`HostInput`] or [`HostOutput`] (or takes an adapter from
//! [`adapters`]) and pushes the result with [`IoTable`]. The contract's rules (permits, one-time
//! failures, cancellation, splicing without loss, quotas, audit) are kept here, once.
//!
//! ```
//! use astrid_host_context::*;
//! use astrid_host_io::{IoCtx, IoCtxView, IoTable, IoView, adapters::AsyncReadInput};
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State {
//!     call: CallSlot,
//!     services: HostServices,
//!     table: ResourceTable,
//!     io: IoCtx,
//! }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//!
//! impl IoView for State {
//!     fn io(&mut self) -> IoCtxView<'_> {
//!         let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
//!         IoCtxView { ctx: &mut self.io, host }
//!     }
//! }
//!
//! let mut linker = Linker::<State>::new(&wasmtime::Engine::default());
//! astrid_host_io::add_to_linker(&mut linker)?;
//!
//! let mut state = State {
//!     call: CallSlot::new(CallContext::builder(CapsuleId::parse("notes")?).build()),
//!     services: HostServices::ruled_by(|_| Ok(())),
//!     table: ResourceTable::new(),
//!     io: IoCtx::new(),
//! };
//! // What another domain's host function does to give its guest a stream:
//! let stream = state.host().push_input(AsyncReadInput::new(&b"hello"[..]))?;
//! // What the guest's call becomes:
//! assert_eq!(state.io().read(&stream, 99)?, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | concept | type |
//! |---|---|
//! | a condition to wait for | [`Readiness`], and [`Pollable`] over it |
//! | bytes in, bytes out | [`HostInput`] and [`HostOutput`], and [`InputStream`] and [`OutputStream`] over them |
//! | what went wrong | [`StreamFailure`] and [`IoError`], heard by guests as a [`Phrase`] |
//! | putting all of it into a store | [`IoTable`], on every [`HostCx`](astrid_host_context::HostCx) |
//! | the limits and budgets | [`limits`] |
//! | the functions themselves | the inherent methods of [`IoCtxView`] |
#![forbid(unsafe_code)]

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
