//! `astrid:net@1.0.0` for wasmtime hosts: TCP and UDP behind an airlock, and the local socket whose
//! clients prove themselves before a capsule sees them.
//!
//! The embedder keeps a [`NetCtx`] in each store beside what [`HostContext`] asks for. `astrid:io` is
//! not linked by this crate, and a guest that streams or polls needs it too.
//!
//! ```
//! use std::sync::Arc;
//! use astrid_airlock::{Airlock, LocalEgress};
//! use astrid_host_context::*;
//! use astrid_host_net::{NetCtx, NetCtxView, NetView};
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct State { call: CallSlot, services: HostServices, table: ResourceTable, net: NetCtx }
//!
//! impl HostContext for State {
//!     fn host(&mut self) -> HostCx<'_> {
//!         HostCx { call: &mut self.call, services: &self.services, table: &mut self.table }
//!     }
//! }
//! impl NetView for State {
//!     fn net(&mut self) -> NetCtxView<'_> {
//!         let host = HostCx { call: &mut self.call, services: &self.services, table: &mut self.table };
//!         NetCtxView { ctx: &mut self.net, host }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut linker = Linker::<State>::new(&wasmtime::Engine::default());
//! astrid_host_net::add_to_linker(&mut linker)?;
//!
//! let capsule = CapsuleId::parse("echo")?;
//! let mut rules = LocalEgress::new();
//! rules.allow(&capsule, "127.0.0.1:*")?;
//! let airlock = Arc::new(Airlock::builder().rules(rules).build());
//! let mut state = State {
//!     call: CallSlot::new(CallContext::builder(capsule).build()),
//!     services: HostServices::ruled_by(|_| Ok(())),
//!     table: ResourceTable::new(),
//!     net: NetCtx::builder(airlock).build(),
//! };
//! let listener = state.net().bind_tcp("localhost", 0).await?;
//! let port = state.net().listener_addr(&listener)?.rsplit_once(':').unwrap().1.parse()?;
//! let client = state.net().connect_tcp("127.0.0.1", port).await?;
//! let server = state.net().accept_tcp(&listener).await?;
//! state.net().write(&client, b"hello").await?;
//! assert_eq!(state.net().read_bytes(&server, 99).await?, b"\0\0\0\x05hello");
//! # Ok(()) }
//! ```
//!
//! | concept | type | file |
//! |---|---|---|
//! | a connected socket, every way to read and write it | [`TcpStream`] | `stream/` |
//! | a listener that tells without taking | [`TcpListener`] | `tcp.rs` |
//! | a capsule's local socket and its acceptor | [`UnixEndpoint`], [`UnixListener`] | `endpoint/` |
//! | what local clients must say | [`SessionAuth`], [`SessionToken`], [`Keyring`] | `handshake/` |
//! | who was proven | [`PeerIdentity`]; [`FrameObserver`] and [`ClientEvents`] hear of it | `peer.rs` |
//! | datagrams, and the hidden socket towards the network | [`UdpSocket`] | `udp/` |
//! | closing what lost its ground, counting the rest | [`Connections`], [`StreamFigures`] | `connections.rs` |
//! | the limits and budgets | [`limits`] | `limits.rs` |
//! | the functions themselves | the inherent methods of [`NetCtxView`] | `ops/` |
#![forbid(unsafe_code)]

mod address;
mod connections;
mod ctx;
mod endpoint;
pub mod error;
mod handshake;
pub mod limits;
mod lookups;
mod op_table;
mod ops;
mod peer;
mod stream;
mod tcp;
mod udp;
pub mod v1_0;
mod waiters;

pub use connections::{Connections, Facts, StreamFigures};
pub use ctx::{Net, NetCtx, NetCtxBuilder, NetCtxView, NetView};
pub use endpoint::UnixEndpoint;
pub use error::Error;
pub use handshake::{
    AuthProfile, DeviceKey, HandshakeError, Keyring, NoKeys, ProfileFuture, SessionAuth, SessionToken,
};
pub use op_table::{MAY_ACCEPT_UNIX, MAY_BIND_TCP, MAY_BIND_UDP, MAY_CONNECT, MAY_LOOKUP, MAY_SEND_UDP};
pub use ops::{FrameRead, UnixListener};
pub use peer::{ClientEvents, FrameObserver, NoClientEvents, PeerIdentity};
pub use stream::TcpStream;
pub use tcp::TcpListener;
pub use udp::UdpSocket;

#[cfg(doc)]
use astrid_host_context::HostContext;
use wasmtime::component::Linker;

/// Adds `astrid:net/host@1.0.0`, and nothing else.
///
/// # Errors
/// The name is already in the linker.
pub fn add_to_linker<T: NetView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    v1_0::astrid::net::host::add_to_linker::<T, Net>(linker, T::net)
}
