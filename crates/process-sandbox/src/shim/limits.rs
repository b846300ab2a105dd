//! Limits that a process has from its parent.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::plan::Rlimits;

/// From the signal to the end of a process that does not heed it.
const GRACE_SECS: u64 = 2;

/// Puts them on this process.
pub(super) fn apply(limits: &Rlimits) -> rustix::io::Result<()> {
    lower(Resource::Core, 0, 0)?;
    if let Some(secs) = limits.cpu {
        lower(Resource::Cpu, secs, secs.saturating_add(GRACE_SECS))?;
    }
    if let Some(count) = limits.files {
        lower(Resource::Nofile, count, count)?;
    }
    if let Some(count) = limits.pids {
        lower(Resource::Nproc, count, count)?;
    }
    if let Some(bytes) = limits.memory {
        lower(Resource::As, bytes, bytes)?;
    }
    Ok(())
}

/// Never raises what the host itself is held to.
fn lower(what: Resource, soft: u64, hard: u64) -> rustix::io::Result<()> {
    let most = getrlimit(what).maximum.unwrap_or(u64::MAX);
    setrlimit(what, Rlimit { current: Some(soft.min(most)), maximum: Some(hard.min(most)) })
}
