//! `astrid:kv@1.0.0` for wasmtime hosts: persistent bytes by key, one namespace for every capsule and
//! principal, linearizable, with quotas, over a backend that you choose.
//!
//! A kernel that wants nothing but this package keeps three things beside its own state and links it:
//!
//! ```
//! use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal};
//! use astrid_host_kv::{KvCtx, KvCtxView, KvView};
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State { call: CallSlot, services: HostServices, table: ResourceTable, kv: KvCtx }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//!
//! impl KvView for State {
//!     fn kv(&mut self) -> KvCtxView<'_> {
//!         let Self { call, services, table, kv } = self;
//!         KvCtxView { ctx: kv, host: HostCx { call, services, table } }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut linker = Linker::<State>::new(&wasmtime::Engine::default());
//! astrid_host_kv::add_to_linker(&mut linker)?;
//!
//! let call = CallContext::builder(CapsuleId::parse("notes")?).principal(Principal::parse("alice")?);
//! let mut state = State {
//!     call: CallSlot::new(call.build()),
//!     services: HostServices::ruled_by(|_| Ok(())),
//!     table: ResourceTable::new(),
//!     kv: KvCtx::builder().build(), // in memory; `.store(…)` takes any other backend
//! };
//! state.kv().set("greeting".into(), (*b"hello").into()).await?;
//! assert_eq!(*state.kv().get("greeting".into()).await?.unwrap(), *b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! | concept | type |
//! |---|---|
//! | checked text | [`Key`], [`Prefix`], [`Cursor`] |
//! | the backend, and its answers | [`Store`], [`Mutation`], [`Applied`], [`Answer`] |
//! | backends in this crate | [`Memory`], [`Neutral`] for calls without a principal |
//! | changes kept back, to be made as a whole or not at all | [`Staged`], [`Change`], [`replay`] |
//! | the operations | the methods of [`KvCtxView`] |
//! | what failed, and what guests see of it | [`Error`], [`arms`] |
//! | budgets, asked at each call | [`NAMESPACE_BYTES`], [`NAMESPACE_KEYS`] |
//!
//! `astrid-store-redb` is the embedded persistent backend. Any other implements [`Store`] and runs
//! `astrid_host_testkit::contract::kv` on itself.
#![forbid(unsafe_code)]

mod answer;
mod ctx;
mod error;
mod key;
mod memory;
mod neutral;
mod ops;
mod reads;
mod spaces;
mod staged;
mod store;

pub mod op_table;
pub mod v1_0;

use astrid_host_context::{HostContext, HostCx};
use wasmtime::component::{HasData, Linker};

pub use answer::Answer;
pub use ctx::{KvCtx, KvCtxBuilder, MAX_LISTED, MAX_VALUE, NAMESPACE_BYTES, NAMESPACE_KEYS};
pub use error::{Error, arms};
pub use key::{Cursor, InvalidKey, Key, MAX_KEY, Prefix};
pub use memory::Memory;
pub use neutral::Neutral;
pub use staged::{Change, Staged, replay};
pub use store::{Applied, Limits, Mutation, Page, Receipt, Store, StoreError, Terms, Usage, Value};

/// Implemented by the embedder's store data to give out this package's view.
pub trait KvView: HostContext {
    /// The package's state and the host's, borrowed side by side.
    fn kv(&mut self) -> KvCtxView<'_>;
}

/// Disjoint borrows of everything an operation of this package needs. The operations are its methods.
#[derive(Debug)]
pub struct KvCtxView<'a> {
    /// The package's own state.
    pub ctx: &'a mut KvCtx,
    /// The call in force, services and resources.
    pub host: HostCx<'a>,
}

/// Tells wasmtime's linker that this package's data is a [`KvCtxView`].
#[derive(Debug, Clone, Copy)]
pub struct Kv;

impl HasData for Kv {
    type Data<'a> = KvCtxView<'a>;
}

/// Links every function of every frozen version of this package, and nothing else. They wait, so
/// guests must be instantiated and called with wasmtime's async functions.
///
/// # Errors
/// A name is already linked.
pub fn add_to_linker<T: KvView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_0::bindings::astrid::kv::host::add_to_linker::<T, Kv>(linker, T::kv)
}
