//! The functions of `astrid:io` as the envelope sees them.

use astrid_host_context::{Audit, Op};

const DOMAIN: &str = "io";

macro_rules! ops {
    ($($audit:ident: $($name:ident = $function:literal),+;)+) => {$($(
        pub(crate) static $name: Op = Op::new(DOMAIN, $function, Audit::$audit);
    )+)+};
}

// Reads and writes come by the million, so they go to the high-volume stream and are not signed one by one.
ops! {
    Event:
        BLOCK = "pollable.block",
        POLL = "poll",
        READ = "input-stream.read",
        BLOCKING_READ = "input-stream.blocking-read",
        SKIP = "input-stream.skip",
        BLOCKING_SKIP = "input-stream.blocking-skip",
        WRITE = "output-stream.write",
        BLOCKING_WRITE_AND_FLUSH = "output-stream.blocking-write-and-flush",
        FLUSH = "output-stream.flush",
        BLOCKING_FLUSH = "output-stream.blocking-flush",
        WRITE_ZEROES = "output-stream.write-zeroes",
        BLOCKING_WRITE_ZEROES_AND_FLUSH = "output-stream.blocking-write-zeroes-and-flush",
        SPLICE = "output-stream.splice",
        BLOCKING_SPLICE = "output-stream.blocking-splice";
    Silent:
        TO_DEBUG_STRING = "error.to-debug-string",
        READY = "pollable.ready",
        SUBSCRIBE_INPUT = "input-stream.subscribe",
        SUBSCRIBE_OUTPUT = "output-stream.subscribe",
        CHECK_WRITE = "output-stream.check-write",
        DROP = "drop";
}
