//! The function as the envelope sees it. The policy is asked nothing: every capsule may ask a person.

use astrid_host_context::{Audit, Op};

/// `request-approval`: what was decided, by whom or by what, once for each call. Where a question was put, its
/// facts `request` and `requested-record` are `request` and `record` of [`REQUESTED`].
pub static DECIDED: Op = Op::new("approval", "decided", Audit::Required);
/// A question that is about to be put. It is durable before anybody can read the question.
pub static REQUESTED: Op = Op::new("approval", "requested", Audit::Required);
/// Somebody's answer that does not count: one record for each sender and question.
pub static REJECTED: Op = Op::new("approval", "rejected", Audit::Record);
