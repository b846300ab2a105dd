//! The functions as the envelope sees them, and what the policy is asked.

use astrid_host_context::{Action, Audit, Op};

/// May this capsule publish on a topic? Asked with `Target::Topic`.
pub const MAY_PUBLISH: Action = Action::new("ipc", "publish");
/// May this capsule subscribe to a pattern? Asked with `Target::Topic`, the pattern as text.
pub const MAY_SUBSCRIBE: Action = Action::new("ipc", "subscribe");
/// Is this capsule an uplink, which may speak for others? Asked with `Target::Topic`.
pub const MAY_PUBLISH_AS: Action = Action::new("ipc", "publish-as");

/// One event a publication: the sink folds them by topic and second, as the contract lets it.
pub(crate) static PUBLISH: Op = Op::new("ipc", "publish", Audit::Event);
pub(crate) static PUBLISH_AS: Op = Op::new("ipc", "publish-as", Audit::Record);
pub(crate) static SUBSCRIBE: Op = Op::new("ipc", "subscribe", Audit::Record);
pub(crate) static POLL: Op = Op::new("ipc", "subscription.poll", Audit::Silent);
pub(crate) static RECV: Op = Op::new("ipc", "subscription.recv", Audit::Silent);
pub(crate) static READINESS: Op = Op::new("ipc", "subscription.subscribe-readiness", Audit::Silent);
pub(crate) static BINDINGS: Op = Op::new("ipc", "get-interceptor-bindings", Audit::Silent);
