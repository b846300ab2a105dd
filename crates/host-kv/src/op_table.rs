//! The seven functions as the envelope knows them.

use astrid_host_context::{Audit, Op};

/// `kv-get`: counted, not recorded.
pub static GET: Op = Op::new("kv", "kv-get", Audit::Counted);
/// The one in 1,024 reads that leaves an event.
pub static GET_SAMPLED: Op = Op::new("kv", "kv-get", Audit::Event);
/// `kv-list-keys`: counted.
pub static LIST_KEYS: Op = Op::new("kv", "kv-list-keys", Audit::Counted);
/// `kv-list-keys-page`: counted.
pub static LIST_KEYS_PAGE: Op = Op::new("kv", "kv-list-keys-page", Audit::Counted);
/// `kv-set`: no effect without its record.
pub static SET: Op = Op::new("kv", "kv-set", Audit::Required);
/// `kv-delete`: no effect without its record.
pub static DELETE: Op = Op::new("kv", "kv-delete", Audit::Required);
/// `kv-clear-prefix`: no effect without its record.
pub static CLEAR_PREFIX: Op = Op::new("kv", "kv-clear-prefix", Audit::Required);
/// `kv-cas`: no effect without its record.
pub static CAS: Op = Op::new("kv", "kv-cas", Audit::Required);
