//! The numbers of the contract, each with its reason, and the budgets a profile may change.

use std::time::Duration;

use astrid_host_context::Resource;

/// Longest wait of one `recv`. Larger values are cut to it, so that a pump looks at its own state at
/// least once a minute.
pub const MAX_RECV: Duration = Duration::from_secs(60);

/// How long a publish may wait for room at handlers if the operator set no other time
/// (`bus.publish_wait_ms`).
pub const PUBLISH_WAIT: Duration = Duration::from_secs(1);

/// How often a chain of publications may come back to capsules it has passed. Higher than any request
/// and answer needs, low enough that a loop ends in milliseconds.
pub const RE_ENTRY_BUDGET: u8 = 8;

/// Live subscriptions per (capsule, principal). Each may hold a mebibyte of messages.
pub static SUBSCRIPTIONS: Resource = Resource { name: "ipc.subscriptions", default: 128 };

/// Payload bytes a second per (capsule, principal), profile key `max_ipc_throughput_bytes`; also the
/// most at once. Not held, only read.
pub static THROUGHPUT: Resource = Resource { name: "ipc.throughput-bytes", default: 10_485_760 };

/// Messages a second per (capsule, principal), operator key `bus.max_msgs_per_sec`, for the cost that
/// a message has whatever its size. Not held, only read.
pub static MESSAGES: Resource = Resource { name: "ipc.messages", default: 20_000 };
