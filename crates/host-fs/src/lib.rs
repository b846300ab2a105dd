//! `astrid:fs@1.0.0` for wasmtime hosts: files below pinned roots, with grants checked on the path as
//! written and again where it really leads, and no look-up a racing rename could redirect.
//!
//! A kernel that wants nothing but this package keeps three things beside its own state and links it:
//!
//! ```
//! use std::sync::Arc;
//! use astrid_host_context::{CallContext, CallSlot, CapsuleId, HostContext, HostCx, HostServices, Principal};
//! use astrid_host_fs::{Direct, Directories, FsCtx, FsCtxView, FsView};
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State { call: CallSlot, services: HostServices, table: ResourceTable, fs: FsCtx }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//!
//! impl FsView for State {
//!     fn fs(&mut self) -> FsCtxView<'_> {
//!         let Self { call, services, table, fs } = self;
//!         FsCtxView { ctx: fs, host: HostCx { call, services, table } }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut linker = Linker::<State>::new(&wasmtime::Engine::default());
//! astrid_host_fs::add_to_linker(&mut linker)?;
//!
//! let directory = tempfile::tempdir()?;
//! let workspace = Direct::builder().open(directory.path())?;
//! let call = CallContext::builder(CapsuleId::parse("notes")?).principal(Principal::parse("alice")?);
//! let mut state = State {
//!     call: CallSlot::new(call.build()),
//!     services: HostServices::ruled_by(|_| Ok(())),
//!     table: ResourceTable::new(),
//!     fs: FsCtx::builder().mounts(Arc::new(Directories::new().workspace(Arc::new(workspace)))).build(),
//! };
//! state.fs().write_file("notes.md".into(), b"hello".into()).await?;
//! assert_eq!(state.fs().read_file("cwd://notes.md".into()).await?, b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! | concept | type | room |
//! |---|---|---|
//! | a guest's path, parsed once | [`VfsPath`], [`Scheme`] | `path.rs` |
//! | which tree a scheme means for whom | [`Mounts`], [`Directories`] | `mounts.rs` |
//! | a backend | [`Volume`], [`File`], [`At`], [`Consent`] | `volume.rs` |
//! | the backend on a directory | [`Direct`] | `direct/` |
//! | the backend that keeps changes apart until somebody decides | [`Overlay`], [`Overlays`] | `overlay/` |
//! | what a backend answers instead | [`Fault`], [`Text`]; from error numbers in `errno.rs` | `fault.rs` |
//! | what a workspace's owner keeps from every capsule | [`DirectBuilder::ignore_file`] | `ignored.rs` |
//! | an open file of a guest | [`FileHandle`] | `handle.rs` |
//! | threads for file work, shared fairly | [`BlockingPool`] | `pool.rs` |
//! | the functions | the methods of [`FsCtxView`] | `ops/` |
//! | what failed, and what guests see of it | [`Error`], [`arms`] | `error.rs` |
//! | budgets, asked at each call | [`HANDLES`], [`BYTES_WRITTEN`], [`FILE_BYTES`] | `limits.rs` |
//! | bytes held, charged to a budget | [`HOME_BYTES`], [`TMP_BYTES`], [`Account`] | `direct/bytes.rs` |
//!
//! A hard link to a file outside the root that existed before cannot be told from the file itself:
//! what is mounted must not hold any. A backend runs `astrid_host_testkit::contract::fs` on itself.
#![forbid(unsafe_code)]

mod ctx;
mod direct;
mod error;
mod fault;
mod fold;
mod handle;
mod ignored;
mod inodes;
mod limits;
mod mounts;
mod ops;
mod overlay;
mod path;
mod pool;
mod site;
mod spent;
mod volume;
#[cfg(test)]
mod workers;

pub mod errno;
pub mod op_table;
pub mod v1_0;

use astrid_host_context::{HostContext, HostCx};
use wasmtime::component::{HasData, Linker};

pub use ctx::{FsCtx, FsCtxBuilder};
pub use direct::{Account, Direct, DirectBuilder};
pub use error::{Error, arms};
pub use fault::{Fault, Text};
pub use handle::FileHandle;
pub use limits::{
    BYTES_WRITTEN, ENTRIES, FILE_BYTES, HANDLES, HOME_BYTES, MAX_CONTENT, MAX_LISTED, MAX_PIECE, RESERVED,
    TMP_BYTES,
};
pub use mounts::{Directories, Mount, Mounts, Places};
pub use overlay::{Change, ChangeKind, Overlay, OverlayError, Overlays};
pub use path::{MAX_COMPONENT, MAX_PATH, PathError, Scheme, VfsPath};
pub use pool::BlockingPool;
pub use volume::{
    At, Consent, Content, File, FileId, FileKind, FileStat, OpenMode, Stop, Timestamp, Volume, Written,
};

/// Implemented by the embedder's store data to give out this package's view.
pub trait FsView: HostContext {
    /// The package's state and the host's, borrowed side by side.
    fn fs(&mut self) -> FsCtxView<'_>;
}

/// Disjoint borrows of everything an operation of this package needs. The operations are its methods.
#[derive(Debug)]
pub struct FsCtxView<'a> {
    /// The package's own state.
    pub ctx: &'a mut FsCtx,
    /// The call in force, services and resources.
    pub host: HostCx<'a>,
}

/// Tells wasmtime's linker that this package's data is an [`FsCtxView`].
#[derive(Debug, Clone, Copy)]
pub struct Fs;

impl HasData for Fs {
    type Data<'a> = FsCtxView<'a>;
}

/// Links every function of every frozen version of this package, and nothing else. They wait, so
/// guests must be instantiated and called with wasmtime's async functions.
///
/// # Errors
/// A name is already linked.
pub fn add_to_linker<T: FsView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_0::bindings::astrid::fs::host::add_to_linker::<T, Fs>(linker, T::fs)
}
