//! `astrid:uplink@1.0.0` for wasmtime hosts: a capsule that bridges an outside platform registers
//! endpoints, and what people write there arrives as messages of the principals they are linked to.
//!
//! A kernel that wants nothing but this package keeps its part beside its own state, links it, and
//! publishes what comes out of the queue:
//!
//! ```
//! use std::sync::Arc;
//! use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal};
//! use astrid_host_uplink::*;
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State { call: CallSlot, services: HostServices, table: ResourceTable, uplink: UplinkCtx }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//!
//! impl UplinkView for State {
//!     fn uplink(&mut self) -> UplinkCtxView<'_> {
//!         let Self { call, services, table, uplink } = self;
//!         UplinkCtxView { ctx: uplink, host: HostCx { call, services, table } }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut linker = Linker::<State>::new(&wasmtime::Engine::default());
//! astrid_host_uplink::add_to_linker(&mut linker)?;
//!
//! let (links, bot) = (MemoryLinks::new(), CapsuleId::parse("bot")?);
//! let linked = Linked { principal: Principal::parse("alice")?, made_by: Some(bot.clone()) };
//! links.link(Platform::parse("chat")?, PlatformUser::parse("@a")?, linked);
//! let (uplinks, mut inbound_rx) = Uplinks::new(); // one a load
//! let sessions = Arc::new(OpenSessions::new(|_: &Principal| true));
//! let uplink = UplinkCtx::builder(uplinks).links(Arc::new(links)).sessions(sessions).build();
//! let (services, table) = (HostServices::ruled_by(|_| Ok(())), ResourceTable::new());
//! let mut state = State { call: CallSlot::new(CallContext::builder(bot).build()), services, table, uplink };
//!
//! let id = state.uplink().register("bot", "Chat", Profile::Chat)?.to_string();
//! assert!(state.uplink().send(&id, "@a", "hello".to_owned()).await?);
//! assert_eq!(inbound_rx.recv().await.unwrap().principal.as_str(), "alice");
//! # Ok(())
//! # }
//! ```
//!
//! | concept | type |
//! |---|---|
//! | the endpoints of one load, its rate and its queue | [`Uplinks`], [`Endpoint`], [`Profile`] |
//! | checked text | [`Name`], [`Platform`], [`PlatformUser`], [`Content`] |
//! | whom an account speaks for | [`Links`], [`Linked`]; in memory [`MemoryLinks`] |
//! | open conversations | [`Sessions`]; in memory [`OpenSessions`] |
//! | what the kernel publishes on [`PROMPT_TOPIC`] | [`Inbound`], [`InboundRx`] |
//! | the operations | the methods of [`UplinkCtxView`] |
//! | what failed, and what guests see of it | [`Error`], [`arms`] |
//! | budgets, asked at each call | [`UPLINKS`], [`SENDS_PER_SECOND`] |
#![forbid(unsafe_code)]

mod ctx;
mod echo;
mod error;
mod inbound;
mod links;
mod ops;
mod sessions;
mod text;
mod uplinks;

pub mod op_table;
pub mod v1_0;

use astrid_host_context::{HostContext, HostCx};
use wasmtime::component::{HasData, Linker};

pub use astrid_host_context::platform::{MAX_PLATFORM, MAX_PLATFORM_USER};
pub use astrid_host_context::{InvalidText, Platform, PlatformUser};
pub use ctx::{UplinkCtx, UplinkCtxBuilder};
pub use error::{Error, arms};
pub use inbound::{Inbound, InboundRx, MAX_PAYLOAD, PROMPT_TOPIC, QUEUE, session_id};
pub use links::{Linked, Links, LinksUnavailable, Lookup, MemoryLinks};
pub use sessions::{OpenSessions, Sessions};
pub use text::{Content, MAX_CONTENT, MAX_NAME_CHARS, Name};
pub use uplinks::{Endpoint, Profile, SENDS_PER_SECOND, UPLINKS, Uplinks};

/// Implemented by the embedder's store data to give out this package's view.
pub trait UplinkView: HostContext {
    /// The package's state and the host's, borrowed side by side.
    fn uplink(&mut self) -> UplinkCtxView<'_>;
}

/// Disjoint borrows of everything an operation of this package needs. The operations are its methods.
#[derive(Debug)]
pub struct UplinkCtxView<'a> {
    /// The package's own state.
    pub ctx: &'a mut UplinkCtx,
    /// The call in force, services and resources.
    pub host: HostCx<'a>,
}

/// Tells wasmtime's linker that this package's data is an [`UplinkCtxView`].
#[derive(Debug, Clone, Copy)]
pub struct Uplink;

impl HasData for Uplink {
    type Data<'a> = UplinkCtxView<'a>;
}

/// Links every function of every frozen version of this package, and nothing else. They wait, so
/// guests must be instantiated and called with wasmtime's async functions.
///
/// # Errors
/// A name is already linked.
pub fn add_to_linker<T: UplinkView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_0::bindings::astrid::uplink::host::add_to_linker::<T, Uplink>(linker, T::uplink)
}
