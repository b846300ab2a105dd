//! The functions as the envelope sees them, and what the policy is asked.

use astrid_host_context::{Action, Audit, Op};

/// May this capsule register endpoints? Asked with `Target::None` before any syntax, and again with
/// `Target::Other { kind: "uplink", name: "platform:name" }` for the one endpoint.
pub const MAY_REGISTER: Action = Action::new("uplink", "register");
/// May this capsule bring messages in? Asked with `Target::None`.
pub const MAY_SEND: Action = Action::new("uplink", "send");

/// `uplink-register`: no effect without its record.
pub static REGISTER: Op = Op::new("uplink", "uplink-register", Audit::Required);
/// `uplink-send`: nothing is queued without its record.
pub static SEND: Op = Op::new("uplink", "uplink-send", Audit::Required);
