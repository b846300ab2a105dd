//! `astrid:identity@1.0.0` for wasmtime hosts: which user of the host an account on an outside platform belongs
//! to, and who may say so. A link decides whose authority a chat message gets, so making one is as sensitive as a
//! login: nothing is linked without a record on disk, and nobody's links are changed past the rule for protected
//! users.
//!
//! A kernel that wants nothing but this package keeps its part beside its own state, links it, and says which
//! principals it knows:
//!
//! ```
//! use std::sync::Arc;
//! use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices};
//! use astrid_host_identity::*;
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State { call: CallSlot, services: HostServices, table: ResourceTable, identity: IdentityCtx }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//!
//! impl IdentityView for State {
//!     fn identity(&mut self) -> IdentityCtxView<'_> {
//!         let Self { call, services, table, identity } = self;
//!         IdentityCtxView { ctx: identity, host: HostCx { call, services, table } }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut linker = Linker::<State>::new(&wasmtime::Engine::default());
//! astrid_host_identity::add_to_linker(&mut linker)?;
//!
//! let (store, directory) = (Arc::new(MemoryIdentities::new()), Arc::new(ListedPrincipals::new()));
//! let identities = Identities::builder(store, directory).build(); // one a host
//! let identity = IdentityCtx::builder(identities.clone()).build();
//! let call = CallSlot::new(CallContext::builder(CapsuleId::parse("bridge")?).build());
//! let (services, table) = (HostServices::ruled_by(|_| Ok(())), ResourceTable::new());
//! let mut state = State { call, services, table, identity };
//!
//! let ada = state.identity().create_user(Some("Ada")).await?.to_string();
//! state.identity().link("Chat", "@ada", &ada, "chat_command").await?;
//! let found = state.identity().resolve("chat", "@ada").await?;
//! assert_eq!(found.user.principal.as_str(), "ada");
//! # Ok(())
//! # }
//! ```
//!
//! | concept | type | file |
//! |---|---|---|
//! | checked text | [`Platform`], [`PlatformUser`], together an [`Account`]; [`UserId`], [`Method`], [`DisplayName`] | `text.rs`, `host-context` |
//! | users and links | [`User`], [`Link`], [`Found`], [`Stamp`] | `model.rs`, `stamp.rs` |
//! | what keeps them | [`IdentityStore`], [`Change`]; in memory [`MemoryIdentities`]; `astrid-store-redb` on disk | `store.rs`, `memory.rs` |
//! | a change that is given up while it is made | [`Commit`] | `commit.rs` |
//! | what all stores share: cache, rates, the bound on the store; for kernels and operators | [`Identities`] | `identities.rs`, `cache.rs`, `calls.rs`, `rates.rs` |
//! | what the kernel knows of principals | [`PrincipalDirectory`], [`LinkPolicy`]; from a list [`ListedPrincipals`] | `directory.rs` |
//! | the principal reserved for a new user | [`is_reserved`] | `slug.rs` |
//! | the operations | the methods of [`IdentityCtxView`] | `ops.rs`, `calling.rs` |
//! | what failed, and what guests see of it | [`Error`], [`arms`] | `error.rs` |
//! | budgets, asked at each call | [`READS_PER_SECOND`], [`WRITES_PER_SECOND`], [`LINKS_PER_USER`] | `rates.rs`, `ops.rs` |
#![forbid(unsafe_code)]

mod cache;
mod calling;
mod calls;
mod commit;
mod ctx;
mod directory;
mod error;
mod identities;
mod memory;
mod model;
mod ops;
mod rates;
mod slug;
mod stamp;
mod store;
mod text;

pub mod op_table;
pub mod v1_0;

use astrid_host_context::{HostContext, HostCx};
use wasmtime::component::{HasData, Linker};

pub use astrid_host_context::{InvalidText, Platform, PlatformUser};
pub use calls::STORE_BUDGET;
pub use commit::{Clock, Commit};
pub use ctx::{IdentityCtx, IdentityCtxBuilder};
pub use directory::{Judging, LinkPolicy, ListedPrincipals, PrincipalDirectory};
pub use error::{Error, arms};
pub use identities::{Identities, IdentitiesBuilder};
pub use memory::MemoryIdentities;
pub use model::{Account, Found, Link, Maker, User, sort};
pub use ops::LINKS_PER_USER;
pub use rates::{READS_PER_SECOND, WRITES_PER_SECOND};
pub use slug::is_reserved;
pub use stamp::Stamp;
pub use store::{Answer, Change, IdentityStore, StoreError};
pub use text::{DisplayName, MAX_DISPLAY_NAME, MAX_METHOD, Method, UserId};

/// Implemented by the embedder's store data to give out this package's view.
pub trait IdentityView: HostContext {
    /// The package's state and the host's, borrowed side by side.
    fn identity(&mut self) -> IdentityCtxView<'_>;
}

/// Disjoint borrows of everything an operation of this package needs. The operations are its methods.
#[derive(Debug)]
pub struct IdentityCtxView<'a> {
    /// The package's own state.
    pub ctx: &'a mut IdentityCtx,
    /// The call in force, services and resources.
    pub host: HostCx<'a>,
}

/// Tells wasmtime's linker that this package's data is an [`IdentityCtxView`].
#[derive(Debug, Clone, Copy)]
pub struct Identity;

impl HasData for Identity {
    type Data<'a> = IdentityCtxView<'a>;
}

/// Links every function of every frozen version of this package, and nothing else. They wait, so
/// guests must be instantiated and called with wasmtime's async functions.
///
/// # Errors
/// A name is already linked.
pub fn add_to_linker<T: IdentityView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_0::bindings::astrid::identity::host::add_to_linker::<T, Identity>(linker, T::identity)
}
