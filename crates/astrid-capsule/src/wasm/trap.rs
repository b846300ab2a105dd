//! What a failed guest call is called, for chains and for operators.

use std::time::Duration;

use astrid_guest::CallError;
use astrid_host_context::Principal;
use wasmtime::Trap;

use crate::cpu::Stop;
use crate::principal::disabled;

/// Whether the guest failed by itself, and was not ended from outside.
pub(super) fn is_the_guests(error: &CallError) -> bool {
    let CallError::Ended { source, .. } = error else { return true };
    !matches!(source.downcast_ref::<Stop>(), Some(Stop::Cancelled | Stop::Retired))
}

/// The stable reason a chain and a user see; the error itself goes to the capsule's log.
pub(super) fn reason(error: &CallError, timeout: Duration, who: Option<&Principal>) -> String {
    let CallError::Ended { source, .. } = error else { return "interceptor failed".to_owned() };
    if let Some(stop) = source.downcast_ref::<Stop>() {
        return match stop {
            Stop::Deadline => format!("interceptor exceeded its deadline of {}s", timeout.as_secs()),
            Stop::Cancelled => "capsule is stopping".to_owned(),
            Stop::Retired => disabled(who),
            Stop::Windows => stop.to_string(),
        };
    }
    format!("interceptor {}", words(source))
}

/// What the guest itself did wrong.
pub(super) fn words(source: &wasmtime::Error) -> &'static str {
    match source.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => "ran out of fuel",
        Some(Trap::UnreachableCodeReached) => "trapped: unreachable",
        Some(Trap::MemoryOutOfBounds) => "trapped: memory out of bounds",
        _ => "failed",
    }
}
