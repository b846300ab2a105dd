//! The numbers of the contract, each with its reason, and the budgets a profile may lower.

use std::time::Duration;

use astrid_host_context::{Entry, Resource};

/// Bytes of `cmd`: `PATH_MAX`, beyond which no system runs anything.
pub const MAX_PROGRAM: usize = 4096;
/// Bytes of one argument: Linux's `MAX_ARG_STRLEN` without the end mark.
pub const MAX_ARG: usize = 131_071;
/// Arguments: more than any command line that a person could read back.
pub const MAX_ARGS: usize = 4096;
/// Bytes of command, arguments and environment together, so that exec never fails for their size: half of
/// what Linux grants with the usual stack limit.
pub const MAX_EXEC: usize = 1024 * 1024;
/// What each string costs beyond its bytes: its end mark and the pointer to it.
pub(crate) const EXEC_OVERHEAD: usize = 9;
/// Variables of an environment.
pub const MAX_ENV: usize = 256;
/// Bytes of a variable's name.
pub const MAX_ENV_KEY: usize = 256;
/// Bytes of a variable's value.
pub const MAX_ENV_VALUE: usize = 64 * 1024;
/// Bytes of `cwd`: `PATH_MAX`.
pub const MAX_CWD: usize = 4096;
/// Bytes of the input that a request brings with it: it is in memory until the child took it.
pub const MAX_PRELUDE: usize = 4 * 1024 * 1024;
/// Bytes of one `write-stdin`.
pub const MAX_WRITE: usize = 1024 * 1024;
/// Bytes a child may be given altogether; an operator may set another.
pub const MAX_STDIN: u64 = 256 * 1024 * 1024;
/// Injected files of a child.
pub const MAX_INJECTIONS: usize = 128;
/// Bytes of one injected file: they are hashed, written and read again before the child starts.
pub const MAX_INJECTION: usize = 8 * 1024 * 1024;
/// Bytes of all injected files of a child.
pub const MAX_INJECTED: usize = 16 * 1024 * 1024;
/// Bytes of output that `spawn` keeps from the beginning of a stream, and as many from its end.
pub const CAPTURE_HALF: usize = 5 * 1024 * 1024;
/// Ring of a stream where nothing else is asked for.
pub const RING: usize = 1024 * 1024;
/// Smallest ring: one pipe page.
pub const MIN_RING: usize = 4096;
/// Bytes of one `read-since`: a guest's buffer, not the ring, bounds what is copied at once.
pub const MAX_CHUNK: usize = 4 * 1024 * 1024;
/// Ids of one `status-many`.
pub const MAX_IDS: usize = 256;
/// Bytes of a label: a line of a listing.
pub const MAX_LABEL: usize = 128;
/// Bytes of a topic of lifecycle events, the bus's own bound.
pub const MAX_TOPIC: usize = 256;
/// Children of a principal on any host, whatever a profile says.
pub const HOST_BACKGROUND: u64 = 64;

/// Shortest life: what is shorter is a call of `spawn`.
pub(crate) const MIN_LIFETIME: Duration = Duration::from_secs(1);
/// How long a persistent child may be without use where the guest says nothing.
pub(crate) const IDLE: Duration = Duration::from_secs(30 * 60);
/// How long an ended child's id is kept where the guest says nothing.
pub(crate) const RETENTION: Duration = Duration::from_secs(5 * 60);
/// How long `stop` waits between SIGTERM and SIGKILL where the guest says nothing.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// The longest such wait.
pub(crate) const MAX_GRACE: Duration = Duration::from_secs(30);
/// The longest wait for a child by its id.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(300);
/// How long a reaped child has between SIGTERM and SIGKILL.
pub(crate) const REAP_GRACE: Duration = Duration::from_secs(5);
/// The same for a child whose handle another principal's call dropped.
pub(crate) const DETACHED_GRACE: Duration = Duration::from_secs(30);
/// How long a cancelled `spawn` has between SIGINT and SIGKILL.
pub(crate) const CANCEL_GRACE: Duration = Duration::from_secs(2);
/// How long a killed child's end is waited for before the call answers without it.
pub(crate) const REAPED: Duration = Duration::from_secs(5);
/// The same where a cancelled call waits: it has to be over soon.
pub(crate) const REAPED_SOON: Duration = Duration::from_millis(500);
/// How long output is waited for after a child has ended: its pipes are closed then, unless somebody has
/// them whom nobody could kill.
pub(crate) const BACKSTOP: Duration = Duration::from_secs(2);
/// How far apart events of new output are.
pub(crate) const LOG_READY_EVERY: Duration = Duration::from_millis(100);

/// Background and persistent children of a principal, all capsules together, and never more than
/// [`HOST_BACKGROUND`].
pub static BACKGROUND: Resource = Resource { name: "process.background", default: 8 };
/// Runs of `spawn` of a principal at a time, and never more than four; others wait their turn.
pub static AT_ONCE: Resource = Resource { name: "process.spawns-at-once", default: 4 };
/// Ids of a principal that one capsule keeps, of live and of ended children.
pub static RETAINED: Resource = Resource { name: "process.retained", default: 32 };
/// The same for all principals of a capsule.
pub static RETAINED_OF_CAPSULE: Resource = Resource { name: "process.retained-of-capsule", default: 256 };
/// Attached handles of an instance.
pub static ATTACHED: Resource = Resource { name: "process.attached", default: 64 };
/// Bytes of memory of a child's tree; also the default.
pub static MEMORY: Resource = Resource { name: "process.memory-bytes", default: 4 * 1024 * 1024 * 1024 };
/// Seconds of processor time of a child's tree; also the default.
pub static CPU_SECS: Resource = Resource { name: "process.cpu-secs", default: 3600 };
/// Processes of a child's tree; also the default.
pub static PIDS: Resource = Resource { name: "process.pids", default: 512 };
/// Open files of one process of a child's tree; also the default.
pub static OPEN_FILES: Resource = Resource { name: "process.open-files", default: 1024 };
/// Bytes of a persistent child's ring, a stream.
pub static RING_BYTES: Resource = Resource { name: "process.ring-bytes", default: 8 * 1024 * 1024 };
/// Milliseconds a persistent child may live; also the default.
pub static LIFETIME_MS: Resource = Resource { name: "process.lifetime-ms", default: 6 * 60 * 60 * 1000 };
/// Milliseconds a persistent child may be without use.
pub static IDLE_MS: Resource = Resource { name: "process.idle-ms", default: 6 * 60 * 60 * 1000 };
/// Milliseconds an ended child's id is kept.
pub static RETENTION_MS: Resource = Resource { name: "process.retention-ms", default: 60 * 60 * 1000 };

/// The lower of the contract's ceiling and what is in force for this call.
pub(crate) fn ceiling(entry: &Entry, resource: &'static Resource) -> u64 {
    entry.limit(resource).min(resource.default)
}
