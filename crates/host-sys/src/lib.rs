//! `astrid:sys@1.0.0` for wasmtime hosts: configuration, the caller, the log, clocks, sleep, entropy
//! and what capsules may ask of one another's capabilities.
//!
//! The crate works alone with defaults: no configuration, no secrets, log lines to `tracing`.
//!
//! ```
//! use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal};
//! use astrid_host_sys::{SysCtx, SysCtxView, SysView};
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State { call: CallSlot, services: HostServices, table: ResourceTable, sys: SysCtx }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//! impl SysView for State {
//!     fn sys(&mut self) -> SysCtxView<'_> {
//!         let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
//!         SysCtxView { ctx: &mut self.sys, host }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut linker = Linker::<State>::new(&wasmtime::Engine::default());
//! astrid_host_sys::add_to_linker(&mut linker)?;
//!
//! let call = CallContext::builder(CapsuleId::parse("notes")?).principal(Principal::parse("alice")?);
//! let mut state = State {
//!     call: CallSlot::new(call.build()),
//!     services: HostServices::ruled_by(|_| Ok(())),
//!     table: ResourceTable::new(),
//!     sys: SysCtx::builder().config("greeting", "hello").build(),
//! };
//! assert_eq!(state.sys().get_config("greeting").await?.as_deref(), Some("hello"));
//! assert_eq!(state.sys().random_bytes(16)?.len(), 16);
//! # Ok(())
//! # }
//! ```
//!
//! | concept | type |
//! |---|---|
//! | configuration | [`SysCtxBuilder`], per-principal values in an [`EnvOverlay`] ([`Overlays`]) |
//! | secrets | [`SecretStore`]: [`MemorySecrets`], [`FileSecrets`] |
//! | the log | [`LogSink`]: [`TracingLog`], [`LogRouter`] |
//! | clocks and entropy | [`clock`], [`Entropy`] |
//! | other capsules' capabilities | [`Registry`] |
#![forbid(unsafe_code)]

pub mod clock;
mod clocks_ops;
mod config;
mod config_ops;
mod ctx;
mod entropy;
mod error;
mod log;
mod log_ops;
mod op_table;
mod overlay;
mod registry;
mod registry_ops;
mod secrets;
pub mod v1_0;

use astrid_host_context::{HostContext, HostCx};
use wasmtime::component::{HasData, Linker};

pub use clocks_ops::{MAX_RANDOM, MAX_SLEEP_NS};
pub use config::render;
pub use config_ops::CallerInfo;
pub use ctx::{SysCtx, SysCtxBuilder};
pub use entropy::{Entropy, EntropyFailed, OsEntropy};
pub use error::{Error, arms};
pub use log::{LogLevel, LogLine, LogRouter, LogSettings, LogSink, TracingLog};
pub use overlay::{EnvOverlay, Overlays};
pub use registry::{Registry, RegistryUnavailable};
pub use secrets::{
    BoxFuture, FileSecrets, MemorySecrets, SecretError, SecretScope, SecretStore, SecretValue,
};

/// Implemented by the embedder's store data to give out this package's view.
pub trait SysView: HostContext {
    /// The package's state and the host's, borrowed side by side.
    fn sys(&mut self) -> SysCtxView<'_>;
}

/// Disjoint borrows of everything an operation of this package needs. The operations are its methods.
#[derive(Debug)]
pub struct SysCtxView<'a> {
    /// The package's own state.
    pub ctx: &'a mut SysCtx,
    /// The call in force, services and resources.
    pub host: HostCx<'a>,
}

/// Tells wasmtime's linker that this package's data is a [`SysCtxView`].
#[derive(Debug, Clone, Copy)]
pub struct Sys;

impl HasData for Sys {
    type Data<'a> = SysCtxView<'a>;
}

/// Links every function of `astrid:sys/host@1.0.0`, and nothing else. `get-config` and `sleep-ns` wait,
/// so guests must be instantiated and called with wasmtime's async functions.
///
/// # Errors
/// A name is already linked.
pub fn add_to_linker<T: SysView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_0::bindings::astrid::sys::host::add_to_linker::<T, Sys>(linker, T::sys)
}
