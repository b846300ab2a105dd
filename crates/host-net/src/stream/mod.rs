//! Connected streams, TCP and Unix.

mod buffer;
pub(crate) mod connection;
pub(crate) mod core;
pub(crate) mod halves;
pub(crate) mod read_side;
pub(crate) mod socket;
pub(crate) mod write_side;

pub use connection::TcpStream;
