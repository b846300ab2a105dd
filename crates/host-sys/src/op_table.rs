//! The functions as the envelope sees them: only the log is audited.

use astrid_host_context::{Audit, Op};

pub(crate) static GET_CONFIG: Op = Op::new("sys", "get-config", Audit::Silent);
pub(crate) static GET_CALLER: Op = Op::new("sys", "get-caller", Audit::Silent);
/// Counted and not one event each: a guest may log in a tight loop, and a count loses nothing.
pub(crate) static LOG: Op = Op::new("sys", "log", Audit::Counted);
pub(crate) static SIGNAL_READY: Op = Op::new("sys", "signal-ready", Audit::Silent);
pub(crate) static CLOCK_MS: Op = Op::new("sys", "clock-ms", Audit::Silent);
pub(crate) static CLOCK_MONOTONIC: Op = Op::new("sys", "clock-monotonic-ns", Audit::Silent);
pub(crate) static SLEEP: Op = Op::new("sys", "sleep-ns", Audit::Silent);
pub(crate) static RANDOM: Op = Op::new("sys", "random-bytes", Audit::Silent);
pub(crate) static CHECK: Op = Op::new("sys", "check-capsule-capability", Audit::Silent);
pub(crate) static ENUMERATE: Op = Op::new("sys", "enumerate-capabilities", Audit::Silent);
