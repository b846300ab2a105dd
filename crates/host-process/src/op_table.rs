//! The functions as the envelope sees them, and what the policy is asked.
//!
//! What changes a child leaves a record of its own; looks and writes come in masses and are events.

use astrid_host_context::{Action, Audit, Op};

/// May this be run? With `Target::Command`; with `Target::None`, whether anything at all may be.
pub const MAY_SPAWN: Action = Action::new("process", "spawn");
/// May it be run so that it outlives the instance?
pub const MAY_PERSIST: Action = Action::new("process", "persist");
/// May the home be read, so that a child may work there?
pub const MAY_READ: Action = Action::new("fs", "read");
/// May it be written?
pub const MAY_WRITE: Action = Action::new("fs", "write");

macro_rules! ops {
    ($($name:ident $function:literal $audit:ident)*) => {
        $(#[doc = concat!("`", $function, "`.")] pub static $name: Op = Op::new("process", $function, Audit::$audit);)*
    };
}

ops! {
    SPAWN "spawn" Required
    SPAWN_BACKGROUND "spawn-background" Required
    SPAWN_PERSISTENT "spawn-persistent" Required
    ATTACH "attach" Record
    LIST "list-processes" Event
    STATUS "status" Event
    STATUS_MANY "status-many" Event
    READ_LOGS "read-logs" Event
    READ_SINCE "read-since" Event
    WRITE_STDIN "write-stdin" Event
    CLOSE_STDIN "close-stdin" Record
    SIGNAL "signal" Record
    WAIT "wait" Event
    STOP "stop" Record
    RELEASE "release-process" Record
    WATCH "watch" Record
    UNWATCH "unwatch" Record
    HANDLE_READ_LOGS "process-handle.read-logs" Event
    HANDLE_WRITE_STDIN "process-handle.write-stdin" Event
    HANDLE_CLOSE_STDIN "process-handle.close-stdin" Record
    HANDLE_SIGNAL "process-handle.signal" Record
    HANDLE_KILL "process-handle.kill" Record
    HANDLE_WAIT "process-handle.wait" Event
    HANDLE_WAIT_WITH_OUTPUT "process-handle.wait-with-output" Event
    HANDLE_OS_PID "process-handle.os-pid" Event
    HANDLE_SUBSCRIBE_EXIT "process-handle.subscribe-exit" Silent
    HANDLE_SUBSCRIBE_LOGS "process-handle.subscribe-logs" Silent
    HANDLE_DROP "process-handle.drop" Record
}

/// A start that is about to happen, on disk before anything is executed.
pub static INTENT: Op = Op::new("process", "spawn-intent", Audit::Required);
/// A child that is gone, and why.
pub static REAPED: Op = Op::new("process", "reaped", Audit::Record);
