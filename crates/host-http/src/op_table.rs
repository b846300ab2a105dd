//! The functions as the envelope sees them, and what the policy is asked.

use astrid_host_context::{Action, Audit, Op};

/// May this capsule ask this URL? Asked once a hop, with `Target::Other { kind: "url", name }`.
pub const MAY_REQUEST: Action = Action::new("http", "request");

pub(crate) static REQUEST: Op = Op::new("http", "http-request", Audit::Required);
pub(crate) static STREAM_START: Op = Op::new("http", "http-stream-start", Audit::Required);
pub(crate) static UPLOAD_START: Op = Op::new("http", "http-upload-start", Audit::Required);
/// A finish may send hops of its own.
pub(crate) static FINISH: Op = Op::new("http", "http-upload.finish", Audit::Required);
/// Chunks are the trace stream's.
pub(crate) static READ_CHUNK: Op = Op::new("http", "http-stream.read-chunk", Audit::Counted);
pub(crate) static STATUS: Op = Op::new("http", "http-stream.status", Audit::Silent);
pub(crate) static HEADERS: Op = Op::new("http", "http-stream.headers", Audit::Silent);
pub(crate) static CLOSE: Op = Op::new("http", "http-stream.close", Audit::Silent);
pub(crate) static READABLE: Op = Op::new("http", "http-stream.subscribe-readable", Audit::Silent);
pub(crate) static BODY_STREAM: Op = Op::new("http", "http-stream.body-stream", Audit::Silent);
pub(crate) static TRAILERS: Op = Op::new("http", "http-stream.trailers", Audit::Silent);
pub(crate) static BODY_SINK: Op = Op::new("http", "http-upload.body-sink", Audit::Silent);
pub(crate) static WRITABLE: Op = Op::new("http", "http-upload.subscribe-writable", Audit::Silent);

/// One request about to leave the host, before its first byte.
pub static WIRE_REQUEST: Op = Op::new("http", "wire-request", Audit::Required);
/// What became of it.
pub static WIRE_RESPONSE: Op = Op::new("http", "wire-response", Audit::Required);
