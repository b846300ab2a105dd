//! The numbers of the contract, each with its reason, and the budgets a profile may change.

use std::time::Duration;

use astrid_host_context::Resource;

/// Open streams per (capsule, principal), accepted and outbound together: enough for a front-end with
/// a few clients, few enough that a leak is noticed.
pub static STREAMS: Resource = Resource { name: "net.streams", default: 8 };

/// Open streams of one capsule over all its principals, so that a pooled capsule with many of them
/// cannot take every descriptor of the host.
pub static CAPSULE_STREAMS: Resource = Resource { name: "net.capsule-streams", default: 256 };

/// TCP listeners per (capsule, principal).
pub static TCP_LISTENERS: Resource = Resource { name: "net.tcp-listeners", default: 4 };

/// UDP sockets per (capsule, principal).
pub static UDP_SOCKETS: Resource = Resource { name: "net.udp-sockets", default: 4 };

/// Name look-ups a second per (capsule, principal); not held, only read. A look-up can reach a server
/// that others pay for.
pub static LOOKUPS: Resource = Resource { name: "net.lookups-per-second", default: 100 };

/// Largest payload of a frame, and the most bytes one byte call moves: the largest message of the bus
/// with room for its envelope.
pub const MAX_FRAME: usize = 10 * 1024 * 1024;

/// How long a `poll-accept` waits at most, so that a guest that only polls still notices an unload.
pub const MAX_POLL_ACCEPT: Duration = Duration::from_secs(60);

/// Resolving and connecting together.
pub const CONNECT_TIME: Duration = Duration::from_secs(10);

/// One name look-up.
pub const LOOKUP_TIME: Duration = Duration::from_secs(5);

/// Addresses kept of one answer.
pub const MAX_ADDRESSES: usize = 64;

/// The longest timeout a guest may set.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// The longest time a close may linger.
pub const MAX_LINGER: Duration = Duration::from_secs(60);

/// How long a framed read without read timeout waits for the first byte: guests loop over their
/// streams without sleeping.
pub const FRAME_WAIT: Duration = Duration::from_millis(50);

/// The longest datagram over IPv4; over IPv6 it is [`MAX_DATAGRAM_V6`].
pub const MAX_DATAGRAM_V4: usize = 65_507;

/// The longest datagram over IPv6.
pub const MAX_DATAGRAM_V6: usize = 65_527;

/// The most a receive makes room for; no datagram is longer.
pub const MAX_RECEIVE: usize = 65_535;

/// How long a send waits for room in the kernel's buffer.
pub(crate) const SEND_WAIT: Duration = Duration::from_secs(5);

/// How long a UDP peer that wrote may be answered, and one that was written to may answer.
pub const PEER_MEMORY: Duration = Duration::from_secs(60);

/// UDP peers remembered per direction and socket; the oldest is forgotten first.
pub(crate) const MAX_PEERS: usize = 1024;

/// Pending connections of a TCP listener in the kernel.
pub(crate) const BACKLOG: i32 = 128;

/// What a stream reads ahead, and what it holds unsent: io's buffer per stream and direction.
pub(crate) const BUFFER: usize = astrid_host_io::limits::MAX_PERMIT;

/// How long an operation on `bytes` bytes of a frame may take: 5 seconds and 1 ms for every KiB, about
/// the slowest link worth keeping.
pub(crate) fn frame_time(bytes: usize) -> Duration {
    Duration::from_millis(5000 + u64::try_from(bytes / 1024).unwrap_or(u64::MAX / 2))
}
