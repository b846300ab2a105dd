//! `astrid:request-context@1.0.0` for wasmtime hosts: who was proven to be at the other end of a
//! connection of `astrid:net`.
//!
//! It has no state: the answer sits in net's stream entry. The embedder gives the view over what
//! [`HostContext`] asks for, and links `astrid-host-net` beside it, whose `tcp-stream` it borrows.
//!
//! ```
//! use astrid_host_context::*;
//! use astrid_host_request_context::{RequestContextCtx, RequestContextCtxView, RequestContextView};
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State { call: CallSlot, services: HostServices, table: ResourceTable, request: RequestContextCtx }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//! impl RequestContextView for State {
//!     fn request_context(&mut self) -> RequestContextCtxView<'_> {
//!         let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
//!         RequestContextCtxView { ctx: &mut self.request, host }
//!     }
//! }
//!
//! let mut linker = Linker::<State>::new(&wasmtime::Engine::default());
//! astrid_host_request_context::add_to_linker(&mut linker)?;
//! # Ok::<(), wasmtime::Error>(())
//! ```
//!
//! | concept | type | file |
//! |---|---|---|
//! | the two look-ups | the inherent methods of [`RequestContextCtxView`] | `ops.rs` |
//! | the identity itself | [`astrid_host_net::PeerIdentity`] | `host-net/src/peer.rs` |
#![forbid(unsafe_code)]

mod ops;
pub mod v1_0;

use astrid_host_context::{HostContext, HostCx};
use wasmtime::component::{HasData, Linker};

/// request-context's state of one store: none, since the answers are net's.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestContextCtx;

/// Implemented by an embedder's store data to have request-context.
pub trait RequestContextView: HostContext {
    /// request-context's view on the shared context.
    fn request_context(&mut self) -> RequestContextCtxView<'_>;
}

/// What both functions run on. Its inherent methods are the engine; the face calls them.
#[derive(Debug)]
pub struct RequestContextCtxView<'a> {
    /// request-context's own state.
    pub ctx: &'a mut RequestContextCtx,
    /// What all domains share.
    pub host: HostCx<'a>,
}

/// Names [`RequestContextCtxView`] to wasmtime's linker.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext;

impl HasData for RequestContext {
    type Data<'a> = RequestContextCtxView<'a>;
}

/// Adds `astrid:request-context/host@1.0.0`, and nothing else.
///
/// # Errors
/// The name is already in the linker.
pub fn add_to_linker<T: RequestContextView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_0::astrid::request_context::host::add_to_linker::<T, RequestContext>(linker, T::request_context)
}
