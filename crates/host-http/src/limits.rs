//! The numbers of the contract that nobody may change, and the budgets a profile may.

use std::time::Duration;

use astrid_host_context::Resource;

/// Longest URL, in bytes: what common servers take.
pub const MAX_URL: usize = 8192;

/// Longest method name that is no standard one.
pub const MAX_METHOD: usize = 32;

/// Largest request body given whole, in bytes; larger ones are uploads.
pub const MAX_REQUEST_BODY: usize = 10_485_760;

/// Header fields of a request.
pub const MAX_REQUEST_FIELDS: usize = 100;

/// Header fields of a response.
pub const MAX_RESPONSE_FIELDS: usize = 256;

/// Bytes of all names and values of a message's header.
pub const MAX_HEADER_BYTES: usize = 65_536;

/// Body bytes given to a guest whole. Operators may lower it and never raise it, since a guest holds
/// every such body in its own memory.
pub const MAX_BUFFERED_BODY: u64 = 10_485_760;

/// Bytes of one chunk and of one decoded block, and the buffer of an upload: the io contract's buffer.
pub const BLOCK: usize = 64 * 1024;

/// Stacked content codings that are undone; no server needs more.
pub const MAX_CODINGS: usize = 2;

/// The largest window of a zstd frame, as a power of two: 8 MiB, what RFC 9659 bounds it to.
pub const ZSTD_WINDOW_LOG: u32 = 23;

/// Body bytes read of a redirect to keep its connection; past them a new connection is cheaper.
pub(crate) const DRAIN_BYTES: usize = 64 * 1024;

/// How long that may take.
pub(crate) const DRAIN_TIME: Duration = Duration::from_secs(1);

/// Connections kept idle for one endpoint, and for all.
pub(crate) const IDLE_PER_KEY: usize = 32;
pub(crate) const IDLE_TOTAL: usize = 1024;

/// How long a connection may wait for a request, and how old it may get: an address that changed is
/// judged anew after this.
pub(crate) const MAX_IDLE: Duration = Duration::from_secs(60);
pub(crate) const MAX_AGE: Duration = Duration::from_secs(300);

/// Requests on one HTTP/2 connection at a time, what servers allow by default.
pub(crate) const STREAMS_PER_CONNECTION: usize = 100;

/// Flow-control windows of HTTP/2: what one unread stream, and one connection, may hold in the host.
pub(crate) const STREAM_WINDOW: u32 = 256 * 1024;
pub(crate) const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Read buffer of HTTP/1.1: the largest header and some, and pieces of a body so large that moving
/// 100 MiB takes a guest fewer than 300 calls. It grows to this only while bytes come faster than they go.
pub(crate) const HTTP1_BUFFER: usize = 256 * 1024;

/// Streams and uploads open at a time per (capsule, principal), operator key `max_concurrent_streams`.
pub static STREAMS: Resource = Resource { name: "http.streams", default: 4 };

/// Requests a second per (capsule, principal), operator key `requests_per_sec`; twice as many at
/// once. Not held, only read.
pub static REQUESTS: Resource = Resource { name: "http.requests", default: 100 };
