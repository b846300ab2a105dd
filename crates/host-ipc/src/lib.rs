//! `astrid:ipc@1.0.0` for wasmtime hosts: messages between capsules.
//!
//! The embedder keeps an [`IpcCtx`] in each store beside what [`HostContext`] asks for. All stores of
//! a host share one [`Bus`](astrid_event_bus::Bus). `astrid:io` is not linked by this crate, and a
//! guest that waits for readiness needs it too.
//!
//! ```
//! use astrid_event_bus::Bus;
//! use astrid_host_context::*;
//! use astrid_host_ipc::{IpcCtx, IpcCtxView, IpcView};
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State { call: CallSlot, services: HostServices, table: ResourceTable, ipc: IpcCtx }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//! impl IpcView for State {
//!     fn ipc(&mut self) -> IpcCtxView<'_> {
//!         let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
//!         IpcCtxView { ctx: &mut self.ipc, host }
//!     }
//! }
//!
//! let engine = wasmtime::Engine::default();
//! let mut linker = Linker::<State>::new(&engine);
//! astrid_host_ipc::add_to_linker(&mut linker)?;
//!
//! let capsule = CapsuleId::parse("notes").unwrap();
//! let own = CallContext::builder(capsule).principal(Principal::parse("alice").unwrap()).build();
//! let mut state = State {
//!     call: CallSlot::new(own.clone()),
//!     services: HostServices::ruled_by(|_| Ok(())),
//!     table: ResourceTable::new(),
//!     ipc: IpcCtx::builder(Bus::new(), own).build(),
//! };
//! let inbox = state.ipc().subscribe("note.v1.*").unwrap();
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! state.ipc().publish("note.v1.saved", "{}".to_owned()).await.unwrap();
//! # });
//! assert_eq!(state.ipc().poll(&inbox).unwrap().messages.len(), 1);
//! # Ok::<(), wasmtime::Error>(())
//! ```
//!
//! What may be published and subscribed to is the policy's decision ([`MAY_PUBLISH`],
//! [`MAY_SUBSCRIBE`], [`MAY_PUBLISH_AS`]); [`AccessLists`] decides it from a manifest's keys.
#![forbid(unsafe_code)]

mod access;
mod ctx;
mod deliveries;
pub mod error;
mod handler;
pub mod limits;
mod op_table;
mod ops;
mod reserved;
mod resolver;
mod stamp;
mod uplink;
pub mod v1_0;

pub use access::AccessLists;
pub use ctx::{Ipc, IpcCtx, IpcCtxBuilder, IpcCtxView, IpcView, RecvIdle, Residency};
pub use deliveries::Deliveries;
pub use error::Error;
pub use handler::Handler;
pub use op_table::{MAY_PUBLISH, MAY_PUBLISH_AS, MAY_SUBSCRIBE};
pub use ops::Subscription;
pub use reserved::ReservedTopics;
pub use resolver::{ContextResolver, SameCapsule};
pub use uplink::{ActFor, InFlight, ProvenPeer, UplinkEvidence};

#[cfg(doc)]
use astrid_host_context::HostContext;
use wasmtime::component::Linker;

/// Adds `astrid:ipc/host@1.0.0`, and nothing else.
///
/// # Errors
/// The name is already in the linker.
pub fn add_to_linker<T: IpcView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_0::astrid::ipc::host::add_to_linker::<T, Ipc>(linker, T::ipc)
}
