//! What a running `capsule run --listen` offers to `capsule ps`, `net`, `publish`, `tail`, `allowance` and `user`.
//!
//! A Unix socket, for the user who started it alone: its file has mode 0600 and the kernel is asked who the peer is.
//! Frames are a length, 32 bits big-endian, and that many bytes of JSON, as on the sockets of `astrid:net`.

mod client;
mod endpoint;
mod figures;
mod frame;
mod protocol;
mod server;
mod session;

pub(crate) use client::Client;
pub(crate) use endpoint::{Endpoint, default_path};
pub(crate) use protocol::{Account, Granted, Person, Reply, Request, Row};
pub(crate) use server::serve;
