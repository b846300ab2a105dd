//! The functions, by what they are about.

mod accept;
mod bind;
mod bytes;
mod connect;
mod frames;
mod halves;
mod lookup;
mod options;
mod udp;
mod udp_peer;
mod wait;

pub use accept::UnixListener;
pub use frames::FrameRead;
