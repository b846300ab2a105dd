//! `astrid:process` for wasmtime hosts: child processes, run to their end, owned by an instance, or kept by
//! the host beyond the instance that asked for them. This crate has the engine and the face of 1.0.0; that of
//! 1.1.0 is `astrid-host-process-v1-1`. Processes are started by a [`Launcher`], which is where a sandbox is.
//!
//! A kernel that wants nothing but this package keeps its part beside its own state and links it:
//!
//! ```
//! use std::sync::Arc;
//! use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal};
//! use astrid_host_process::*;
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State { call: CallSlot, services: HostServices, table: ResourceTable, process: ProcessCtx }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//!
//! impl ProcessView for State {
//!     fn process(&mut self) -> ProcessCtxView<'_> {
//!         let Self { call, services, table, process } = self;
//!         ProcessCtxView { ctx: process, host: HostCx { call, services, table } }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut linker = Linker::<State>::new(&wasmtime::Engine::default());
//! astrid_host_process::add_to_linker(&mut linker)?;
//!
//! let ground = Ground { workspace: "/srv/work".into(), home: None, network: Network::None };
//! let launcher = Arc::new(NoLauncher::new("none was chosen"));
//! let process = ProcessCtx::builder(Processes::builder(launcher, Arc::new(ground)).build()?).build();
//! let call = CallContext::builder(CapsuleId::parse("tools")?).principal(Principal::parse("alice")?);
//! let (call, table) = (CallSlot::new(call.build()), ResourceTable::new());
//! let mut state = State { call, services: HostServices::ruled_by(|_| Ok(())), table, process };
//!
//! let request = SpawnRequest { cmd: "git".to_owned(), ..SpawnRequest::default() };
//! let refused = state.process().spawn(request).await.unwrap_err();
//! assert_eq!(refused.to_string(), "process sandbox unavailable: none was chosen");
//! # Ok(())
//! # }
//! ```
//!
//! | concept | type | room |
//! |---|---|---|
//! | what a guest asks for | [`SpawnRequest`] | `request.rs`; checked in `checked/`, in the chapter's order in `ops/attempt.rs` |
//! | who starts processes | [`Launcher`], [`Control`]; none at all: [`NoLauncher`] | `launcher.rs` |
//! | where they work | [`Grounds`], [`Ground`] | `ground.rs` |
//! | what all stores share | [`Processes`]: cancellation, retirement, the host's end | `processes.rs`, `roll.rs` |
//! | a child that runs | rings, input, end | `child/` |
//! | a run of `spawn` | the first and the last 5 MiB of each stream | `run.rs`, `capture.rs` |
//! | a child that is kept | by the keyed hash of its id; times in one queue | `registry.rs`, `timers.rs`, `ids.rs`, `cursor.rs` |
//! | a guest's hold | [`ProcessHandle`] | `handle.rs` |
//! | who hears of watched children | [`Lifecycle`] | `lifecycle.rs`, `child/watch.rs` |
//! | the operations | the methods of [`ProcessCtxView`] | `ops/` |
//! | what failed, and what guests see of it | [`Error`], [`arms`] | `error.rs` |
//! | the numbers, with their reasons | [`limits`] | `limits.rs` |
#![forbid(unsafe_code)]

mod capture;
mod checked;
mod child;
mod ctx;
mod cursor;
mod error;
mod ground;
mod handle;
mod ids;
mod launcher;
mod lifecycle;
mod ops;
mod owner;
mod processes;
mod registry;
mod request;
mod roll;
mod run;
mod timers;
mod turns;
mod unavailable;

pub mod limits;
pub mod op_table;
pub mod v1_0;

use astrid_host_context::{HostContext, HostCx};
use wasmtime::component::{HasData, Linker};

pub use child::Reason;
pub use ctx::{ProcessCtx, ProcessCtxBuilder};
pub use error::{Error, arms};
pub use ground::{Ground, Grounds, NoGround};
pub use handle::ProcessHandle;
pub use launcher::{
    BoxFuture, Command, Control, Exit, Grade, Injection, Launch, LaunchError, Launcher, Limit, Limits,
    Network, Placement, Roots, Running, Signal, Unconfined, Usage, WorkDir,
};
pub use lifecycle::{Lifecycle, LifecycleEvent, NoLifecycle};
pub use processes::{Processes, ProcessesBuilder};
pub use request::{
    FileInjection, InjectionPlacement, Keep, KillResult, LogChunk, LogStream, Logs, OverflowPolicy, Phase,
    ProcessInfo, ProcessResult, ResourceLimits, SpawnRequest,
};
pub use unavailable::NoLauncher;

/// Implemented by the embedder's store data to give out this package's view.
pub trait ProcessView: HostContext {
    /// The package's state and the host's, borrowed side by side.
    fn process(&mut self) -> ProcessCtxView<'_>;
}

/// Disjoint borrows of everything an operation of this package needs. The operations are its methods.
#[derive(Debug)]
pub struct ProcessCtxView<'a> {
    /// The package's own state.
    pub ctx: &'a mut ProcessCtx,
    /// The call in force, services and resources.
    pub host: HostCx<'a>,
}

/// Tells wasmtime's linker that this package's data is a [`ProcessCtxView`].
#[derive(Debug, Clone, Copy)]
pub struct Process;

impl HasData for Process {
    type Data<'a> = ProcessCtxView<'a>;
}

/// Links every function of `astrid:process@1.0.0`, and nothing else. They wait, so guests must be instantiated
/// and called with wasmtime's async functions.
///
/// # Errors
/// A name is already linked.
pub fn add_to_linker<T: ProcessView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_0::astrid::process::host::add_to_linker::<T, Process>(linker, T::process)
}
