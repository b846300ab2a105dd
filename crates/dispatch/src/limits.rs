//! The numbers, each with its reason, and what a kernel may set.

use std::time::Duration;

use astrid_host_context::Principal;

/// Events that may wait for one (capsule, principal); beyond it publishers wait (ipc chapter §1.1).
pub const QUEUE_CAPACITY: usize = 64;
/// Queues of one capsule; further principals share one, so that minted names cannot fill memory.
pub const MAX_QUEUES: usize = 10_000;
/// A queue nobody used for this long is forgotten.
pub const QUEUE_IDLE: Duration = Duration::from_secs(60);
/// Handlers of one capsule that execute at once unless its target says otherwise.
pub const PERMITS: usize = 4;
/// A host wait longer than this lends the permits to others; shorter ones are not worth the exchange.
pub const LEND_AFTER: Duration = Duration::from_millis(50);
/// How long an event of the host waits for room in a full queue (guest chapter §2.3).
pub const HOST_WAIT: Duration = Duration::from_secs(1);
/// Events of the host that wait for room, over all queues; beyond it the oldest is dropped as lag.
pub const MAX_LATE: usize = 4_096;
/// Their accounted bytes.
pub const MAX_LATE_BYTES: usize = 64 << 20;
/// Lag is announced at most this often.
pub const LAG_EVERY: Duration = Duration::from_secs(10);
/// A missing grant is asked for at most this often for each (principal, capsule).
pub const ASK_EVERY: Duration = Duration::from_secs(60);
/// Time between two watchdog ticks.
pub const TICK_EVERY: Duration = Duration::from_secs(5);
/// Handlers one hook may reach.
pub const MAX_HOOK_TARGETS: usize = 256;
/// Hooks that may trigger hooks before it counts as a loop.
pub const MAX_HOOK_DEPTH: u8 = 8;
/// Longest a hook waits for its handlers, whatever time its caller has left.
pub const MAX_HOOK_WAIT: Duration = Duration::from_secs(30);

/// How much of the host one principal may use at once. Asked at each call, so that a changed profile
/// applies at once; an implementation does no I/O.
pub trait Limits: Send + Sync {
    /// Handlers that may execute for `principal` at once over all capsules, host waits over 50 ms not
    /// counted; profile key `max_in_flight_calls`. 0 means 1.
    fn max_in_flight(&self, principal: &Principal) -> usize;
}

/// The same for everybody.
#[derive(Debug, Clone, Copy)]
pub struct FixedLimits {
    /// See [`Limits::max_in_flight`].
    pub max_in_flight: usize,
}

impl Default for FixedLimits {
    /// 4, the profile's default.
    fn default() -> Self {
        Self { max_in_flight: 4 }
    }
}

impl Limits for FixedLimits {
    fn max_in_flight(&self, _: &Principal) -> usize {
        self.max_in_flight
    }
}
