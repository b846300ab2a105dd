//! The numbers of the contract, each with its reason, and the budgets a profile may change.

use std::time::Duration;

use astrid_host_context::Resource;

/// Bytes one read, skip or splice moves at most. A larger request gives a short result, so a length
/// a guest made up never sizes an allocation.
pub const MAX_MOVE: usize = 1024 * 1024;

/// The largest permit one `check-write` hands out, and the buffer per stream and direction: enough
/// to hide a round of wake-ups, small enough that 256 streams a principal stay at 16 MiB.
pub const MAX_PERMIT: usize = 64 * 1024;

/// Members of one `poll` at most; a profile may lower it ([`POLL_MEMBERS`]), never raise it. It keeps
/// the O(members) work of each wake-up bounded.
pub const MAX_POLL: usize = 256;

/// Entries of one store's resource table. The table never shrinks, so this bounds its memory.
pub const MAX_TABLE: usize = 8192;

/// How long a dropped output stream may go on sending what it had accepted.
pub const DRAIN_GRACE: Duration = Duration::from_secs(5);

/// A blocking write lets other tasks run at least this often, in bytes.
pub(crate) const YIELD_EVERY: usize = 1024 * 1024;

/// Members of one `poll` call; not held, only read. See [`MAX_POLL`].
pub static POLL_MEMBERS: Resource = Resource { name: "io.poll-members", default: 256 };

/// Pollables alive per (capsule, principal). Each is a table entry and at most one waker.
pub static POLLABLES: Resource = Resource { name: "io.pollables", default: 1024 };

/// Streams alive per (capsule, principal). Each may hold one buffer of [`MAX_PERMIT`].
pub static STREAMS: Resource = Resource { name: "io.streams", default: 256 };
