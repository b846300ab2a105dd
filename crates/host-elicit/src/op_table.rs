//! The functions as the envelope sees them. The policy is asked nothing: the lifecycle phase is the gate.

use astrid_host_context::{Audit, Op};

/// `elicit`: how it ended. Where a question was put, its fact `request` is that of [`SENT`].
pub static ELICIT: Op = Op::new("elicit", "elicit", Audit::Record);
/// A question that was put, recorded before anybody can answer it.
pub static SENT: Op = Op::new("elicit", "sent", Audit::Record);
/// Somebody's answer that does not count: one record for each sender and question.
pub static REJECTED: Op = Op::new("elicit", "rejected", Audit::Record);
/// `has-secret`: leaves no trace.
pub static HAS_SECRET: Op = Op::new("elicit", "has-secret", Audit::Silent);
