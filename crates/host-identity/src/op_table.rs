//! The functions as the envelope sees them, and what the policy is asked, always with `Target::None` and before
//! anything else.

use astrid_host_context::{Action, Audit, Op};

/// May this capsule look accounts up?
pub const MAY_RESOLVE: Action = Action::new("identity", "resolve");
/// May it make, remove and list links?
pub const MAY_LINK: Action = Action::new("identity", "link");
/// May it create users, and change links of protected ones?
pub const MAY_ADMIN: Action = Action::new("identity", "admin");

/// `identity-resolve`: it answers also where its record cannot be kept.
pub static RESOLVE: Op = Op::new("identity", "identity-resolve", Audit::Record);
/// `identity-link`: how it ended.
pub static LINK: Op = Op::new("identity", "identity-link", Audit::Required);
/// `identity-unlink`: how it ended.
pub static UNLINK: Op = Op::new("identity", "identity-unlink", Audit::Required);
/// `identity-create-user`: how it ended.
pub static CREATE_USER: Op = Op::new("identity", "identity-create-user", Audit::Required);
/// `identity-list-links`
pub static LIST_LINKS: Op = Op::new("identity", "identity-list-links", Audit::Record);
/// A change that is about to be made, on disk before it is. Its fact `change` is that of how it ended.
pub static CHANGING: Op = Op::new("identity", "changing", Audit::Required);
